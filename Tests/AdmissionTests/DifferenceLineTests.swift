// Which lines of a difference may be why somebody is refused, read from what the ledger keeps of them.
import Admission
import Testing

@Suite struct DifferenceLineTests {
    /// The lines between two lists of one entry, as the ledger keeps them.
    private func lines(from old: SourceEntry, to new: SourceEntry?) throws -> [DifferenceLine] {
        let other = try entry("192.0.2.1", list: "other")
        let new = try Policy(entries: [other] + [new].compactMap(\.self))
        return new.difference(from: try Policy(entries: [other, old])).map {
            DifferenceLine(UntrustedText.head($0, limit: DifferenceLine.limit))
        }
    }

    private func line(_ change: (inout SourceEntry) throws -> Void) throws -> DifferenceLine {
        let old = try entry("10.0.0.0/24", expires: noon, note: "as before")
        var new = old
        try change(&new)
        let lines = try lines(from: old, to: new)
        return try #require(lines.first)
    }

    @Test func aFieldThatDecidesMayRefuse() throws {
        #expect(try line { $0.channels = [.sftp] }.mayRefuse)
        #expect(try line { $0.mode = .observe }.mayRefuse)
        #expect(try line { $0.expires = noon - .seconds(1) }.mayRefuse)
        #expect(try line { $0.expires = nil }.mayRefuse)
        let several = try line {
            $0.owner = "Clinic IT, mode of work -> unknown"
            $0.note = "moved"
            $0.channels = [.webhook]
        }
        #expect(several.mayRefuse)
    }

    @Test func aFieldForPeopleRefusesNobody() throws {
        let changes: [(inout SourceEntry) -> Void] = [
            { $0.owner = "Clinic IT" }, { $0.note = "channels, mode and expires are as before" },
            { $0.note = nil },
            { $0.reviewBy = noon }, { $0.document = .init(title: "Rules", page: "3", read: "2026-11-01") },
            { $0.expect[.sftp] = ExpectedContact(every: .seconds(60)) }, { $0.note = "to be continued..." },
        ]
        for change in changes {
            let line = try line(change)
            #expect(!line.mayRefuse, "\(line)")
        }
    }

    @Test func whatIsTakenAwayMayRefuseAndWhatIsAddedDoesNot() throws {
        let old = try entry("10.0.0.0/24")
        #expect(try lines(from: old, to: nil).map(\.mayRefuse) == [true])
        let both = try lines(from: old, to: entry("10.0.1.0/24"))
        #expect(both.map(\.mayRefuse) == [true, false])
    }

    @Test(arguments: ["~ a/b 10.0.0.0/24: note x -> ", "~ a/b 10.0.0.0/24: note \u{1F600}"])
    func whatWasCutMayBeAnything(start: String) {
        let cut = UntrustedText.head(
            start + String(repeating: "\u{1F600}y", count: 100), limit: DifferenceLine.limit)
        #expect(cut.hasSuffix("...") && DifferenceLine(cut).mayRefuse)
        #expect(DifferenceLine("… 7 more").mayRefuse)
        #expect(DifferenceLine("").mayRefuse)
    }

    @Test(arguments: [
        ("- a/b 10.0.0.0/24 (enforce, webhook)", "10.0.0.9", true),
        ("- a/b 10.0.0.0/24 (enforce, webhook)", "10.0.1.9", false),
        ("~ a/b 10.0.0.0/24: mode observe -> enforce", "10.0.0.9", true),
        ("~ a/b 10.0.0.0/24: note x -> 10.0.1.0/24", "10.0.1.9", false),
        ("~ a/b 2001:db8::/32: mode observe -> enforce", "2001:db8::1", true),
        ("- a/b 10.0...", "10.0.1.9", true), ("… 7 more", "10.0.1.9", true), ("", "10.0.1.9", true),
    ])
    func itHoldsTheAddressesOfItsBlockAndMayHoldAnyWithoutOne(
        text: String, address: String, mayHold: Bool
    ) throws {
        #expect(DifferenceLine(text).mayHold(try ip(address)) == mayHold)
    }

    @Test(arguments: ["clinic", "Klinik-M\u{FC}nchen", #"back\slash"#, "\u{301}x"])
    func itIsOfTheListEntryThatItNames(service: String) throws {
        let old = try entry("10.0.0.0/24", service: service)
        let gone = try lines(from: old, to: nil)[0]
        var other = old
        other.mode = .observe
        let changed = try lines(from: old, to: other)[0]
        for line in [gone, changed] {
            #expect(line.isOf(old.id))
            #expect(
                !line.isOf(old.id + "-2") && !line.isOf(String(old.id.dropLast())) && !line.isOf("x" + old.id)
            )
        }
    }
}
