// Sizes and durations as people write them.
import Settings
import Testing

@Suite struct QuantityTests {
    @Test(
        arguments: [
            ("0", 0), ("1500", 1500), ("10MiB", 10 << 20), ("1GiB", 1 << 30), ("500MB", 500_000_000),
            ("2 KiB", 2048),
            ("7B", 7),
        ] as [(String, Int64)])
    func sizesAreRead(text: String, bytes: Int64) {
        #expect(Quantity.size(text) == bytes)
    }

    @Test(arguments: [
        "", "MiB", "-1", "1.5GiB", "10 potatoes", "10mib", "9223372036854775807KB", "٣MB", "1e3",
    ])
    func whatIsNoSizeIsRefused(text: String) {
        #expect(Quantity.size(text) == nil)
    }

    @Test(arguments: [("10s", 10), ("5m", 300), ("24h", 86400), ("7d", 604_800)] as [(String, Int64)])
    func durationsAreRead(text: String, seconds: Int64) {
        #expect(Quantity.duration(text) == .seconds(seconds))
    }

    @Test(arguments: ["10", "", "s", "1w", "-5m", "1.5h", "1h30m"])
    func durationsWithoutAUnitOrWithTwoAreRefused(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test func quantitiesAreWrittenAsTheyAreRead() {
        #expect(Quantity.text(size: 10 << 20) == "10MiB")
        #expect(Quantity.text(size: 1500) == "1500")
        #expect(Quantity.text(duration: .seconds(7 * 86400)) == "7d")
        #expect(Quantity.text(duration: .seconds(90)) == "90s")
    }
}
