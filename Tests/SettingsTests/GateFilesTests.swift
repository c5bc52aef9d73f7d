// Where a gate writes for others, and which of its own files and directories that must not be.
import Foundation
import Settings
import Testing

@Suite struct GateFilesTests {
    private static let settings = """
        \(SettingsLoaderTests.minimal)
          header: {name: X-Gate, value_file: secret}
        console: {listen: 127.0.0.1:1, token_file: token}
        sftp: {listen: 127.0.0.1:2}

        """

    private static let own = [
        ("dropgate.yaml", "is the settings file"), ("sources/a.yaml", "is a source list"),
        ("sources/new.yaml", "would be a source list, by the pattern"),
        ("rules/new.yaml", "would be a file of network rules, by the pattern"),
        ("accounts/vsee.yaml", "lies in the directory of the accounts"),
        ("certificate.pem", "is a file of TLS"), ("key.pem", "is a file of TLS"),
        ("token", "is the console's token"), ("secret", "is a secret of the webhook listener"),
        ("state/ledger.sqlite", "is the ledger"), ("state/ledger.sqlite-wal", "is the ledger"),
        ("state/ledger.sqlite.lock", "is the ledger"), ("state/ledger.sqlite.open", "is the ledger"),
        ("state/staging-id", "is the mark of the ledger's staging directory"),
        ("state/keys/ledger.key", "is the key that signs the ledger"),
        ("state/keys/ledger.key.pub", "is the key that signs the ledger"),
        ("state/keys/ssh_host_ed25519_key", "is an SFTP host key"),
        ("state/keys/other", "lies in the directory of the gate's keys"),
        ("state/clock-leap.json", "is a file of the gate's state"),
        ("state/run/ports.json", "lies in the directory of the running gate"),
        ("state/sshd/passwd", "lies in the directory of the gate's sshd"),
        ("state/forward/file.json", "lies in the directory of forwarders"),
        ("state/tokens/a.json", "lies in the directory of the console's tokens"),
        ("state/checkpoints/2026-11.notes", "lies in the directory of the ledger's checkpoints"),
        ("state/policies/a.txt", "lies in the directory of the lists that the ledger keeps"),
        ("state/segments/a", "lies in the directory of sealed entries"),
        ("state/staging/ready/x", "lies in the directory of staging"),
        ("state/../dropgate.yaml", "is the settings file"),
    ]

    @Test(arguments: own)
    func noForwardedFileAndNoWitnessIsAFileOfTheGate(file: String, objection: String) throws {
        let gate = try GateDirectory.complete()
        for (lines, key) in [
            ("forward: {file: {path: \(file)}}", "forward.file.path"),
            ("ledger: {witnesses: [https://w.example/a, \(file)]}", "ledger.witnesses[1]"),
        ] {
            let problems = try gate.problems(Self.settings + lines)
            #expect(problems.count == 1, "\(problems)")
            #expect(problems.first?.contains("\(key): ") == true, "\(problems)")
            #expect(problems.first?.contains(" \(objection)") == true, "\(problems)")
            #expect(problems.first?.contains("name a file of its own") == true, "\(problems)")
        }
    }

    @Test(arguments: ["entries.jsonl", "log/entries.jsonl", "state/entries.jsonl", "state/log/entries.jsonl"])
    func whatTheGateDoesNotUseIsTaken(file: String) throws {
        let gate = try GateDirectory.complete()
        for lines in ["forward: {file: {path: \(file)}}", "ledger: {witnesses: [\(file)]}"] {
            #expect(try gate.problems(Self.settings + lines) == [])
        }
    }

    /// What else lies beside lists, rules and accounts is none of them.
    @Test func whatLiesBesideListsIsNoneOfThem() throws {
        let gate = try GateDirectory.complete()
        let text =
            Self.settings
            + "accounts: .\nstaging: {path: sources/staging}\nforward: {file: {path: rules/entries.jsonl}}\n"
            + "ledger: {path: sources/ledger/ledger.sqlite, witnesses: [sources/w.notes]}\n"
        #expect(try gate.problems(text) == [])
    }

    @Test func aPathThatGoesBackBehindWhatIsNotThereIsRefused() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(
            Self.settings + "forward: {file: {path: state/nothere/../ledger.sqlite}}\n")
        #expect(
            problems.count == 1 && problems[0].contains("goes back by .. from a directory that is not there"),
            "\(problems)")
    }

    @Test(arguments: [
        "state/keys", "sources", "accounts", "state/run", "state/checkpoints",
    ])
    func stagingIsADirectoryOfItsOwn(directory: String) throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(Self.settings + "staging: {path: \(directory)}")
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.first?.contains("staging.path: \(directory) ") == true, "\(problems)")
        #expect(problems.first?.hasSuffix("name a directory of its own") == true, "\(problems)")
    }

    @Test func theLedgerMayLieInStagingAndInNoListsDirectory() throws {
        let gate = try GateDirectory.complete()
        let staged = "staging: {path: st}\nledger: {path: st/ledger.sqlite}"
        #expect(try gate.problems(Self.settings + staged) == [])
        let problems = try gate.problems(Self.settings + "ledger: {path: sources/ledger.yaml}")
        #expect(
            problems.count == 1 && problems[0].contains("ledger.path: sources/ledger.yaml would be"),
            "\(problems)")
    }

    @Test func oneFileIsNotBothAWitnessAndForwardedTo() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(
            Self.settings + "forward: {file: {path: out}}\nledger: {witnesses: [out]}")
        #expect(
            problems.count == 1 && problems[0].contains("forward.file.path: out is a witness's file"),
            "\(problems)")
    }

    @Test func linksToOwnFilesAreSeenThrough() throws {
        let gate = try GateDirectory.complete()
        try gate.write("state/ledger.sqlite", "x")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: gate.path + "/link", withDestinationPath: gate.path + "/state")
        try files.createSymbolicLink(atPath: gate.path + "/file", withDestinationPath: "state/ledger.sqlite")
        try #require(link(gate.path + "/state/ledger.sqlite", gate.path + "/twin") == 0)
        for (name, objection) in [
            ("link/ledger.sqlite", "is the ledger"), ("link/ledger.sqlite-wal", "is the ledger"),
            ("file", "is the ledger"),
            ("twin", "is another name of state/ledger.sqlite, which is the ledger"),
        ] {
            let problems = try gate.problems(Self.settings + "forward: {file: {path: \(name)}}")
            #expect(problems.count == 1 && problems[0].contains("\(name) \(objection)"), "\(problems)")
        }
    }

    @Test func aDirectoryThatTheSettingsLieInTooIsNoListsDirectory() throws {
        let gate = try GateDirectory.complete()
        try gate.write("list-a.yaml", "entries: [{cidr: 192.0.2.1, service: a, channels: [webhook]}]\n")
        let settings = Self.settings + "sources: [list-*.yaml]\n"
        #expect(try gate.problems(settings + "forward: {file: {path: entries.jsonl}}") == [])
        let problems = try gate.problems(settings + "forward: {file: {path: list-b.yaml}}")
        #expect(
            problems.count == 1 && problems[0].contains("would be a source list, by the pattern"),
            "\(problems)")
    }

    @Test func aCopyOfTheLedgerLiesOutsideOfTheStateDirectory() throws {
        let gate = try GateDirectory.complete()
        let files = GateFiles(try gate.load(Self.settings))
        let inside = files.objection(toCopyAt: gate.path + "/state/copy")
        #expect(inside?.contains("lies in the gate's state directory, ") == true)
        #expect(files.objection(toCopyAt: gate.path + "/sources")?.contains("source lists") == true)
        #expect(files.objection(toCopyAt: gate.path + "/copy") == nil)
    }

    @Test func aWitnessThatLiesWithTheLedgerIsDoubted() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(Self.settings + "ledger: {witnesses: [state/gate.notes, w/notes]}")
        #expect(settings.doubts.map(\.key) == ["ledger.witnesses[0]"])
        #expect(settings.doubts.first?.message.contains("lies beside the ledger") == true)
    }

    @Test(arguments: [("", 1), ("  unlisted: refuse\n", 1), ("  unlisted: quarantine\n", 0)])
    func limitsOfAQuarantineThatIsOffAreDoubted(unlisted: String, count: Int) throws {
        let gate = try GateDirectory.complete()
        let webhook = "\(SettingsLoaderTests.minimal)\n  header: {name: X-Gate, value_file: secret}\n"
        let settings = try gate.load("\(webhook)\(unlisted)  quarantine: {events: 5}\n")
        #expect(settings.doubts.count == count, "\(settings.doubts)")
        #expect(try gate.load(webhook).doubts.isEmpty)
    }
}
