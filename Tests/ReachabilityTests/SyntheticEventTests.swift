// The marked event has VSee's shape in both versions.
import Admission
import Foundation
import JSON
import Ledger
import Reachability
import Testing

@Suite struct SyntheticEventTests {
    private let id = UUID(
        uuid: (0x5C, 0x34, 0x97, 0x9C, 0x30, 0xDC, 0x49, 0x6C, 0x8C, 0xD3, 0x6E, 0xB9, 0x92, 0x58, 0x62, 0xC1)
    )
    private let now = Instant(microseconds: 1_546_950_556_000_000)

    @Test func version2() throws {
        let event = try JSONValue(parsing: SyntheticEvent.v2.body(id: id, now: now))
        #expect(event["version"] == "2.0")
        #expect(event["id"] == "5c34979c-30dc-496c-8cd3-6eb9925862c1")
        #expect(event["type"] == "visit.ended")
        #expect(event["created"] == 1_546_950_556)
        #expect(event["clinic_code"] == "dropgate-probe")
        #expect(event["data"]?["end"] == 1_546_950_556)
        #expect(event["data"]?["status"] == "completed")
    }

    @Test func version1HasItsTimesAsStrings() throws {
        let event = try JSONValue(parsing: SyntheticEvent.v1.body(id: id, now: now))
        #expect(event["version"] == "1.0")
        #expect(event["account_code"] == "dropgate-probe")
        #expect(event["data"]?["end"] == "1546950556")
        #expect(event["data"]?["status"] == "40")
    }

    @Test func eachProbeHasAnIdOfItsOwn() throws {
        let ids = try (0..<2).map { _ in try JSONValue(parsing: SyntheticEvent.v2.body(now: now))["id"] }
        #expect(ids[0] != ids[1])
    }
}
