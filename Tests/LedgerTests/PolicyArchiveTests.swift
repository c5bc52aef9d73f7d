// Lists that were in force are kept by their version, and nothing is believed that is not what its name says.
import Admission
import Foundation
import Ledger
import Support
import Testing

@Suite struct PolicyArchiveTests {
    private let directory: TemporaryDirectory
    private let archive: PolicyArchive

    init() throws {
        directory = try TemporaryDirectory("archive")
        archive = LedgerHandle(file: directory.file("ledger.sqlite")).policies
    }

    private func policy(_ cidr: String = "20.21.208.105") throws -> Policy {
        try Policy(entries: [
            SourceEntry(
                list: "test", service: "vsee", cidr: try CIDRBlock(cidr), channels: [.webhook], owner: "me")
        ])
    }

    private func path(_ policy: Policy) throws -> String {
        "\(archive.directory)/\(try #require(PolicyArchive.fileName(policy.version)))"
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    private func isUnusable(_ version: String) -> Bool {
        if case .unusable = archive.policy(version) { true } else { false }
    }

    @Test func whatIsKeptIsReadBackAndReadableByItsOwnerAlone() throws {
        let policy = try policy()
        try archive.keep(policy)
        try archive.keep(policy)
        guard case .kept(let found) = archive.policy(policy.version) else {
            Issue.record("not kept")
            return
        }
        #expect(found.entries == policy.entries && archive.text(policy.version) == policy.text)
        #expect(try mode(archive.directory) == 0o700 && mode(path(policy)) == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: archive.directory).count == 1)
    }

    @Test func whatIsNotThereIsAbsent() throws {
        let version = try policy().version
        guard case .absent = archive.policy(version) else {
            Issue.record("no directory yet")
            return
        }
        try archive.keep(policy("192.0.2.1"))
        guard case .absent = archive.policy(version) else {
            Issue.record("another one is kept")
            return
        }
        #expect(archive.text(version) == nil)
    }

    @Test func aFileThatIsNotWhatItsNameSaysIsNotBelievedAndIsReplaced() throws {
        let policy = try policy()
        try archive.keep(policy)
        try Data(try self.policy("192.0.2.66").text).write(to: URL(fileURLWithPath: path(policy)))
        #expect(isUnusable(policy.version) && archive.text(policy.version) == nil)
        try archive.keep(policy)
        #expect(archive.text(policy.version) == policy.text)
        try FileManager.default.removeItem(atPath: path(policy))
        try FileManager.default.createDirectory(atPath: path(policy), withIntermediateDirectories: false)
        #expect(isUnusable(policy.version))
    }

    @Test(arguments: [
        "", "sha256:", "sha256:../../../etc/passwd", "md5:00", "sha256:" + String(repeating: "A", count: 64),
    ])
    func aVersionThatIsNoneNamesNoFile(version: String) {
        #expect(PolicyArchive.fileName(version) == nil)
        #expect(isUnusable(version))
    }

    @Test func whatCannotBeKeptIsAnError() throws {
        try Data().write(to: URL(fileURLWithPath: archive.directory))
        #expect { try archive.keep(policy()) } throws: { ($0 as? LedgerError)?.code == .unwritable }
    }
}
