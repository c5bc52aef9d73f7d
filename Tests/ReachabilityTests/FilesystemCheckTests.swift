// Which places doctor looks for room in: those without which the gate accepts nothing.
import Foundation
import Reachability
import Settings
import Support
import Testing

@Suite struct FilesystemCheckTests {
    /// The places that are told of, in their order. All of them are there.
    private func places(_ lines: String, reserve: String = "1MiB") throws -> [Finding] {
        let directory = try TemporaryDirectory("filesystem")
        for name in ["state", "state/staging", "staging", "ledger"] {
            try FileManager.default.createDirectory(
                atPath: directory.file(name), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        }
        let text = """
            state: state
            webhook: {listen: 127.0.0.1:0, plaintext: true}
            \(lines.replacing("RESERVE", with: reserve))
            """
        try Data(text.utf8).write(to: URL(filePath: directory.file("dropgate.yaml")))
        let settings = try SettingsLoader.load(
            file: directory.file("dropgate.yaml"), environment: [:], namedFiles: .mayBeMissing)
        return withExtendedLifetime(directory) {
            FilesystemCheck(settings).findings().filter { $0.text.contains("are kept back") }
        }
    }

    private func names(_ findings: [Finding]) -> [String] {
        findings.map { String($0.text.prefix { $0 != ":" }) }
    }

    /// By default the ledger lies in the state's directory, and staging below it; either may be on another disk.
    @Test(arguments: [
        "staging: {reserve: RESERVE}", "staging: {path: staging, reserve: RESERVE}",
        "staging: {reserve: RESERVE}\nledger: {path: ledger/ledger.sqlite}",
    ])
    func theRoomOfStagingAndLedgerIsLookedAtWhereverTheyLie(lines: String) throws {
        #expect(try names(places(lines)) == ["staging", "ledger"])
    }

    @Test func aLedgerWithoutRoomIsAFailureWhereverItLies() throws {
        let found = try places("staging: {path: staging, reserve: RESERVE}", reserve: "1000TiB")
        #expect(names(found) == ["staging", "ledger"] && found.allSatisfy { $0.state == .fail })
        #expect(found.allSatisfy { $0.text.hasSuffix(": nothing is accepted") && $0.fix != nil })
    }

    @Test func onePlaceOfBothIsToldOnce() throws {
        let lines = "staging: {path: staging, reserve: RESERVE}\nledger: {path: staging/ledger.sqlite}"
        #expect(try names(places(lines)) == ["staging"])
    }
}
