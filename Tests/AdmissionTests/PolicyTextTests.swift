// A policy that was in force is kept as the text that its version is the digest of, and read back whole or not at all.
import Admission
import Testing

@Suite struct PolicyTextTests {
    private func full() throws -> SourceEntry {
        var entry = SourceEntry(
            list: "vsee-qatar", service: "clinic", cidr: try CIDRBlock("2001:db8::/32"),
            channels: [.webhook, .sftp],
            document: .init(title: "Rules = \u{301}\\ \t", page: "3", read: "2026-11-01"),
            owner: "\u{301}it=security",
            reviewBy: noon, expires: noon + .seconds(60), mode: .observe, note: "a\r\nb\\u{9}\ne\u{301}")
        entry.ownID = "clinic-2"
        entry.expect[.sftp] = ExpectedContact(every: .seconds(60))
        entry.expect[.webhook] = ExpectedContact(
            every: .seconds(14_400), hours: 480..<1080, days: [.sun, .mon], zone: "Asia/Qatar")
        return entry
    }

    @Test func readsBackEveryField() throws {
        let policy = try Policy(entries: [full()])
        #expect(try Policy(text: policy.text, version: policy.version).entries == [full()])
    }

    @Test(arguments: [
        ExpectedContact(every: .seconds(1), days: [.fri]), ExpectedContact(every: .seconds(1), hours: 0..<1),
        ExpectedContact(every: .seconds(1), hours: 1380..<1440),
        ExpectedContact(every: .seconds(9), zone: "Etc/GMT+3"),
        ExpectedContact(every: .seconds(1), days: [.sat, .sun], zone: "America/Argentina/Buenos_Aires"),
    ])
    func readsBackExpectations(expected: ExpectedContact) throws {
        var entry = try entry("10.0.0.1")
        entry.expect[.webhook] = expected
        let policy = try Policy(entries: [entry])
        #expect(try Policy(text: policy.text, version: policy.version).entries == [entry])
    }

    @Test func decidesAsThePolicyDid() throws {
        let policy = try Policy(entries: [
            entry("20.21.208.105"), entry("20.21.208.0/24", service: "old", expires: noon),
            entry("20.0.0.0/8", service: "trial", mode: .observe), entry("2001:db8::/32", service: "six"),
        ])
        let again = try Policy(text: policy.text, version: policy.version)
        for ip in ["20.21.208.105", "20.21.208.7", "20.9.9.9", "2001:db8::1", "9.9.9.9"] {
            let ip = try IPAddress(ip)
            let (was, is_) = (
                policy.match(ip, channel: .sftp, at: noon), again.match(ip, channel: .sftp, at: noon)
            )
            #expect(was.verdict == is_.verdict && was.reason == is_.reason && was.entries == is_.entries)
        }
    }

    @Test func listsOfOldRulesAreReadThoughTheirIdsAreNotUnique() throws {
        let policy = try Policy(entries: [entry("10.0.0.1"), entry("10.0.0.2"), entry("10.0.0.2")])
        #expect(try Policy(text: policy.text, version: policy.version).entries.count == 3)
    }

    @Test func aTextThatWasChangedIsNotBelieved() throws {
        let policy = try Policy(entries: [full(), entry("10.0.0.1")])
        for position in [0, policy.text.count / 2, policy.text.count - 1] {
            var text = policy.text
            text[position] ^= 1
            #expect { try Policy(text: text, version: policy.version) } throws: {
                ($0 as? PolicyError)?.code == .altered
            }
        }
        #expect(throws: PolicyError.self) {
            try Policy(text: policy.text.dropLast(), version: policy.version)
        }
    }

    /// Its digest is right: another program's fields must not be passed over.
    @Test(arguments: [
        "list=a\tservice=b\tcidr=10.0.0.1/32\tchannels=sftp\tmode=enforce\tcolour=red",
        "list=a\tservice=b\tcidr=10.0.0.1/32\tchannels=sftp+carrier\tmode=enforce",
        "list=a\tservice=b\tcidr=10.0.0.1/32\tchannels=sftp\tmode=enforce\texpires=soon",
        "list=a\tservice=b\tcidr=10.0.0.1\tchannels=sftp\tmode=enforce", "list=a\tlist=a", "nonsense",
        "list=\\x",
    ])
    func whatIsNotUnderstoodIsSaid(line: String) throws {
        let text = Array((line + "\n").utf8)
        #expect { try Policy(text: text, version: "sha256:\(SHA256Text.of(text))") } throws: {
            ($0 as? PolicyError)?.code == .unknownText
        }
    }
}
