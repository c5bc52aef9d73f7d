// Source list files to a policy: defaults of a list, every wrong list with its line, and the shipped list.
import Admission
import Files
import Foundation
import Testing

@testable import Settings

@Suite struct PolicyLoaderTests {
    private func problems(_ yaml: String) throws -> [String] {
        let gate = try GateDirectory()
        let file = try gate.write("sources/vsee.yaml", yaml)
        do {
            _ = try PolicyLoader.load(files: [file])
            return []
        } catch {
            return error.problems.map {
                $0.description.replacingOccurrences(of: gate.path + "/sources/", with: "")
            }
        }
    }

    @Test func aListGivesItsEntriesWhatTheyDoNotSay() throws {
        let gate = try GateDirectory()
        let file = try gate.write(
            "vsee-qatar.yaml",
            """
            document: {title: Diagram, page: Outbound, read: 2026-11-23}
            owner: integration
            review_by: 2027-02-23
            channels: [webhook, sftp]
            entries:
              - cidr: 20.21.208.105
                service: clinic
                note: |
                  two
                  lines
              - cidr: 2001:db8::/32
                service: messenger
                channels: [sftp]
                owner: security
                expires: 2027-01-01T08:00:00Z
                mode: observe
                document: {title: Mail, read: 2026-10-01}
            """)
        let entries = try PolicyLoader.load(files: [file]).entries
        #expect(entries.map(\.id) == ["vsee-qatar/clinic", "vsee-qatar/messenger"])
        #expect(entries[0].channels == [.webhook, .sftp] && entries[0].mode == .enforce)
        #expect(entries[0].document == .init(title: "Diagram", page: "Outbound", read: "2026-11-23"))
        #expect(entries[0].owner == "integration" && entries[0].note == "two\nlines")
        #expect(entries[0].reviewBy == Instant(rfc3339: "2027-02-23") && entries[0].expires == nil)
        #expect(
            entries[1].channels == [.sftp] && entries[1].mode == .observe && entries[1].owner == "security")
        #expect(entries[1].expires == Instant(rfc3339: "2027-01-01T08:00:00Z"))
        #expect(entries[1].document == .init(title: "Mail", page: nil, read: "2026-10-01"))
    }

    /// Some editors put one there.
    @Test func aByteOrderMarkIsSkipped() throws {
        #expect(try problems("\u{FEFF}entries: [{cidr: 192.0.2.1, service: a, channels: [sftp]}]\n") == [])
        #expect(
            try problems("\u{FEFF}bogus: 1\nentries: []\n").first?.hasPrefix(
                "vsee.yaml:1:1: bogus: unknown key") == true)
    }

    @Test func aListMayNameItself() throws {
        let gate = try GateDirectory()
        let file = try gate.write(
            "x.yaml", "name: own\nentries: [{cidr: 192.0.2.1, service: a, channels: [sftp]}]")
        #expect(try PolicyLoader.load(files: [file]).entries.map(\.id) == ["own/a"])
    }

    static let good = "service: a, channels: [sftp]"

    @Test(arguments: [
        ("entries: []", "vsee.yaml:1:10: entries: the list is empty; an empty list admits nobody"),
        ("name: x", "vsee.yaml: entries: is missing; list the addresses that may call in"),
        ("", "vsee.yaml: entries: is missing"),
        ("entries: [20.21.208.105]", "vsee.yaml:1:11: entries[0]: expected an entry, as in {cidr:"),
        (
            "entries: [{cidr: 0.0.0.0/0, \(good)}]",
            "vsee.yaml:1:18: entries[0].cidr: \"0.0.0.0/0\" holds every address"
        ),
        ("entries: [{cidr: \"::/0\", \(good)}]", "holds every address"),
        (
            "entries:\n- cidr: 20.21.208.105/24\n  service: a\n  channels: [sftp]",
            "vsee.yaml:2:9: entries[0].cidr: \"20.21.208.105/24\" has bits set behind its prefix"
        ),
        ("entries: [{cidr: 020.21.208.105, \(good)}]", "is not a CIDR block"),
        ("entries: [{cidr: vsee.com, \(good)}]", "\"vsee.com\" is not a CIDR block"),
        (
            "entries: [{cidr: 1.2.3.4, channel: sftp, service: a, channels: [sftp]}]",
            "vsee.yaml:1:27: entries[0].channel: unknown key; did you mean channels?"
        ),
        (
            "entrys: []\nentries: [{cidr: 1.2.3.4, \(good)}]",
            "vsee.yaml:1:1: entrys: unknown key; did you mean entries?"
        ),
        ("entries: [{\(good)}]", "entries[0].cidr: is missing; write an address or a CIDR block"),
        ("entries: [{cidr: 1.2.3.4, channels: [sftp]}]", "entries[0].service: is missing; name the service"),
        (
            "entries: [{cidr: 1.2.3.4, service: a}]",
            "entries[0].channels: is missing; write [webhook], [sftp] or"
        ),
        ("entries: [{cidr: 1.2.3.4, service: a, channels: []}]", "entries[0].channels: names no channel"),
        (
            "entries: [{cidr: 1.2.3.4, service: a, channels: [http]}]",
            "entries[0].channels[0]: \"http\" is not allowed; allowed here: webhook, sftp"
        ),
        ("entries: [{cidr: 1.2.3.4, service: a, channels: [console]}]", "\"console\" is not allowed"),
        ("entries: [{cidr: 1.2.3.4, service: a/b, channels: [sftp]}]", "\"a/b\" is not a name"),
        (
            "entries: [{cidr: 1.2.3.4, \(good), expires: soon}]",
            "entries[0].expires: expected a date (2027-01-31) or a time in UTC"
        ),
        (
            "entries: [{cidr: 1.2.3.4, \(good), review_by: 2027-02-30}]",
            "entries[0].review_by: expected a date"
        ),
        (
            "entries: [{cidr: 1.2.3.4, \(good), mode: log}]",
            "entries[0].mode: \"log\" is not allowed; allowed here: enforce, observe"
        ),
        (
            "entries: [{cidr: 1.2.3.4, \(good), document: {title: x}}]",
            "entries[0].document.read: is missing; say what was read"
        ),
        (
            "entries: [{cidr: 1.2.3.4, \(good)}, {cidr: 1.2.3.4/32, \(good)}]",
            "entries[1]: a 1.2.3.4/32 is already given at"
        ),
        ("name: a\nname: b", "vsee.yaml:1:1: given twice: name"),
        ("entries: [", "vsee.yaml:2:1: not YAML:"),
    ])
    func whatIsWrongWithAListIsSaid(yaml: String, problem: String) throws {
        let problems = try problems(yaml)
        #expect(problems.contains { $0.contains(problem) }, "\(problems)")
    }

    @Test func oneServiceMayHaveABlockTwiceForDifferentChannelsUnderAnIdOfItsOwn() throws {
        let yaml = """
            entries:
              - {cidr: 1.2.3.4, service: a, channels: [sftp]}
              - {cidr: 1.2.3.4, service: a, channels: [webhook], expires: 2027-01-01, id: a-hooks}
            """
        #expect(try problems(yaml) == [])
    }

    /// The ledger names entries by their ids: one id for two would not say which of them let somebody in.
    @Test(arguments: [
        (
            "- {cidr: 1.2.3.4, \(good)}\n- {cidr: 1.2.3.5, \(good)}",
            "vsee.yaml:3:3: entries[1]: vsee/a is also the entry at vsee.yaml:2:3, and the ledger names entries by this; give "
                + "one of them an id of its own, as in id: a-2"
        ),
        (
            "- {cidr: 1.2.3.4, service: b, id: a, channels: [sftp]}\n- {cidr: 1.2.3.5, \(good)}",
            "vsee/a is also the entry at vsee.yaml:2:3"
        ),
        ("- {cidr: 1.2.3.4, \(good), id: x/y}", "\"x/y\" is not a name"),
    ])
    func anIdThatTwoEntriesHaveIsAProblemWithBothPlaces(entries: String, problem: String) throws {
        let problems = try problems("entries:\n\(entries)\n")
        #expect(problems.contains { $0.contains(problem) }, "\(problems)")
    }

    @Test func anEntryMayHaveAnIdOfItsOwnAndNoDocument() throws {
        let gate = try GateDirectory()
        let yaml = """
            document: {title: Diagram, read: 2026-11-23}
            entries:
              - {cidr: 1.2.3.4, \(Self.good)}
              - {cidr: 1.2.3.5, \(Self.good), id: a-2, document: none}
            """
        let entries = try PolicyLoader.load(files: [gate.write("vsee.yaml", yaml)]).entries
        #expect(entries.map(\.id) == ["vsee/a", "vsee/a-2"] && entries.map(\.service) == ["a", "a"])
        #expect(entries[0].document?.title == "Diagram" && entries[1].document == nil)
    }

    @Test func twoListsOfOneNameAreAProblem() throws {
        let gate = try GateDirectory()
        let text = "name: same\nentries: [{cidr: 1.2.3.4, \(Self.good)}]"
        let files = try [gate.write("a.yaml", text), gate.write("b.yaml", text)]
        #expect {
            try PolicyLoader.load(files: FoundFiles(files))
        } throws: { error in
            "\(error)" == "\(files[1]):1:7: name: same is also the name of \(files[0]); give each its own"
        }
    }

    @Test func problemsOfAllListsAreSaid() throws {
        let gate = try GateDirectory()
        let files =
            try [gate.write("a.yaml", "entries: []"), gate.write("b.yaml", "entries: []")] + ["/none.yaml"]
        #expect {
            try PolicyLoader.load(files: FoundFiles(files))
        } throws: { error in
            (error as? SettingsErrors)?.problems.map(\.place) == [
                .file(files[0], line: 1, column: 10), .file(files[1], line: 1, column: 10),
                .file("/none.yaml"),
            ]
        }
        #expect(throws: SettingsErrors.self) { try PolicyLoader.load(files: []) }
    }

    /// Its lists would be taken for gone.
    @Test func aPlaceThatCouldNotBeLookedAtIsAProblem() throws {
        let gate = try GateDirectory()
        let file = try gate.write("a.yaml", "entries: [{cidr: 1.2.3.4, \(Self.good)}]")
        let files = FoundFiles([file, gate.path], unseen: [gate.path: SystemError(EIO)])
        let problem = "\(gate.path): cannot look for source lists here: \(SystemError(EIO))"
        #expect {
            try PolicyLoader.load(files: files)
        } throws: { error in
            "\(error)" == problem
        }
        // It may be there again.
        #expect {
            try PolicyLoader.load(files: FoundFiles([gate.path], unseen: [gate.path: SystemError(EACCES)]))
        } throws: { error in
            "\(error)".hasPrefix("\(gate.path): ")
        }
    }

    /// It may be `lost+found`, which nobody should open to the gate for the sake of a pattern.
    @Test func whatAPatternLedToAndIsClosedMayBeLeftOut() {
        let found = PolicyLoader.denial("/vol/lost+found", isList: false, isFound: true).description
        #expect(found.hasPrefix("/vol/lost+found: permission denied: "))
        #expect(found.contains("this directory, in which source lists may be;"), "\(found)")
        let instead = "chmod g+rx it, or name your lists by a pattern that leaves it out; then"
        #expect(found.contains(instead), "\(found)")
        let list = PolicyLoader.denial("/etc/a.yaml", isList: true).description
        #expect(list.contains("may not read this list;") && list.contains("chmod g+r it; then"), "\(list)")
    }

    @Test(.enabled(if: geteuid() != 0, "root may look everywhere"))
    func aClosedDirectoryBesideTheListsIsRefusedWithBothWaysOut() throws {
        let gate = try GateDirectory()
        try gate.write("vol/a/x.yaml", "entries: [{cidr: 1.2.3.4, \(Self.good)}]")
        try gate.write("vol/lost+found/x", "")
        let closed = gate.path + "/vol/lost+found"
        try #require(chmod(closed, 0) == 0)
        defer { withExtendedLifetime(gate) { _ = chmod(closed, 0o700) } }
        #expect {
            try PolicyLoader.load(files: PolicyLoader.files([gate.path + "/vol/*/*.yaml"]))
        } throws: { error in
            "\(error)".hasPrefix("\(closed): ") && "\(error)".contains("by a pattern that leaves it out")
        }
    }
}
