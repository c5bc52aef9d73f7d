// The version is what an old ledger entry refers to, and the difference is what a reload leaves behind.
import Admission
import Testing

@Suite struct PolicyVersionTests {
    private func full() throws -> SourceEntry {
        SourceEntry(
            list: "vsee-qatar", service: "clinic", cidr: try CIDRBlock("20.21.208.105"),
            channels: [.webhook, .sftp],
            document: .init(title: "Network rules", page: "3", read: "2026-11-01"), owner: "it-security",
            reviewBy: noon, expires: noon + .seconds(60), mode: .enforce, note: "from VSee")
    }

    @Test("is stable: a change here breaks the link from old ledger entries")
    func isStable() throws {
        let policy = try Policy(entries: [full()])
        #expect(policy.version == "sha256:dcbb1078fd120f377516d4687ea8ef465f214473b33739aaf03746b3e39603d8")
    }

    @Test("does not depend on the order of entries")
    func ignoresOrder() throws {
        var random = SeededGenerator(seed: 31)
        var entries = try (1...50).map { try entry("10.0.0.\($0)", service: "s\($0 % 7)") }
        let version = try Policy(entries: entries).version
        for _ in 0..<20 {
            entries.shuffle(using: &random)
            #expect(try Policy(entries: entries).version == version)
        }
        #expect(version.utf8.count == 7 + 64)
    }

    @Test("changes with every field")
    func coversEveryField() throws {
        let base = try full()
        let block = try CIDRBlock("20.21.208.104/31")
        let changes: [(inout SourceEntry) -> Void] = [
            { $0.list = "other" }, { $0.service = "other" }, { $0.cidr = block }, { $0.channels = [.sftp] },
            { $0.document = nil }, { $0.document?.title = "other" }, { $0.document?.page = nil },
            { $0.document?.read = "2026-11-02" }, { $0.owner = nil }, { $0.reviewBy = nil },
            { $0.expires = nil }, { $0.mode = .observe }, { $0.note = "" }, { $0.note = nil },
        ]
        var versions: Set<String> = [try Policy(entries: [base]).version]
        for change in changes {
            var entry = base
            change(&entry)
            let policy = try Policy(entries: [entry])
            #expect(versions.insert(policy.version).inserted)
            #expect(try !policy.difference(from: Policy(entries: [base])).isEmpty)
        }
        #expect(try versions.insert(Policy(entries: [base, base]).version).inserted)
    }

    @Test("a field cannot pass for another one or for another entry")
    func escapesFields() throws {
        let one = try entry("10.0.0.1", service: "a\tmode=observe")
        let two = try entry("10.0.0.1", service: "a", mode: .observe)
        let three = try entry("10.0.0.1", service: "a\\u{9}mode=observe")
        #expect(try Set([one, two, three].map { try Policy(entries: [$0]).version }).count == 3)
        let split = try entry("10.0.0.1", note: "x\nlist=vsee-qatar")
        #expect(
            try Policy(entries: [split]).version != Policy(entries: [entry("10.0.0.1", note: "x")]).version)
    }

    @Test("the difference tells what was added, taken away and changed")
    func differs() throws {
        let old = try Policy(entries: [
            entry("20.21.208.105"), entry("30.0.0.1", service: "gone"),
            entry("40.0.0.1", channels: [.sftp]), entry("50.0.0.1", service: "twice", channels: [.sftp]),
        ])
        let new = try Policy(entries: [
            entry("50.0.0.1", service: "twice", channels: [.sftp]),
            entry("50.0.0.1", service: "twice", channels: [.webhook], mode: .observe),
            entry("40.0.0.1", expires: noon), entry("20.21.208.105"), entry("2001:db8::/32", service: "new"),
        ])
        #expect(
            new.difference(from: old) == [
                "~ vsee-qatar/clinic 40.0.0.1/32: channels sftp -> webhook+sftp, expires none -> \(noon)",
                "- vsee-qatar/gone 30.0.0.1/32 (enforce, webhook+sftp)",
                "+ vsee-qatar/new 2001:db8::/32 (enforce, webhook+sftp)",
                "+ vsee-qatar/twice 50.0.0.1/32 (observe, webhook)",
            ])
        #expect(new.difference(from: new).isEmpty)
        #expect(old.difference(from: new).count == 4)
    }

    @Test("lines about entries stay one line each")
    func escapesLines() throws {
        let old = try Policy(entries: [entry("10.0.0.1")])
        let new = try Policy(entries: [
            entry("10.0.0.1", note: "a\nb\u{202E}"), entry("10.0.0.2", service: "é\n"),
        ])
        for line in new.difference(from: old) {
            #expect(!line.contains("\n") && !line.contains("\u{202E}"))
        }
        #expect(new.difference(from: old).contains { $0.contains("vsee-qatar/é\\u{A}") })
    }
}
