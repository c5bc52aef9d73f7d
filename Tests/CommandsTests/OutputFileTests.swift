// Options that name a file to write: none of them takes a file of the gate's own. And files that are named by mistake.
import Admission
import Foundation
import Intake
import Ledger
import Management
import Settings
import Support
import Testing

@Suite struct OutputFileTests {
    private let gate: TestGate

    init() async throws {
        gate = try TestGate.plain()
        try gate.write(
            "dropgate.yaml", "state: state\nwebhook: {listen: 0.0.0.0:8443, plaintext: true}\nnode: gate-1\n")
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        try await Self.fill(gate)
        let signed = await gate.run("ledger", "checkpoint")
        try #require(signed.status == 0, "\(signed)")
    }

    /// The ledger is free again once nobody has the intake any more.
    private static func fill(_ gate: TestGate) async throws {
        let intake = try gate.openIntake()
        for _ in 0..<3 {
            try await intake.record(
                Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started))
        }
        await intake.close()
    }

    private static let commands = [
        ["ledger", "prove", "0", "--output"], ["ledger", "prove", "0", "--entry"],
        ["report", "--output"], ["report", "--format", "html", "-o"],
        ["rules", "export", "--direction", "ingress", "--format", "json", "--output"],
        ["rules", "export", "--direction", "egress", "--format", "edl", "--output"],
    ]

    @Test(arguments: commands)
    func noOptionOverwritesAFileOfTheGate(command: [String]) async throws {
        let size = try gate.openReader().size()
        for (name, objection) in [
            ("state/ledger.sqlite", "is the ledger"),
            ("state/keys/ledger.key", "is the key that signs the ledger"),
            ("dropgate.yaml", "is the settings file"), ("sources/vsee.yaml", "is a source list"),
            ("state/run/x", "lies in the directory of the running gate"),
        ] {
            let before = FileManager.default.contents(atPath: gate.path(name))
            let answer = await gate.run(command + [gate.path(name)])
            #expect(answer.status == 1, "\(name): \(answer)")
            #expect(answer.error.contains("\(gate.path(name)) \(objection)"), "\(answer)")
            #expect(answer.error.contains("name another file"), "\(answer)")
            #expect(FileManager.default.contents(atPath: gate.path(name)) == before, "\(name)")
        }
        #expect(try gate.openReader().size() == size, "nothing was exported, and nothing is recorded")
        let answer = await gate.run(command + [gate.path("out")])
        #expect(answer.status == 0 && FileManager.default.fileExists(atPath: gate.path("out")), "\(answer)")
    }

    @Test func aProofAndItsEntryHaveAFileEach() async throws {
        let file = gate.path("y")
        let answer = await gate.run("ledger", "prove", "0", "--output", file, "--entry", gate.path("./y"))
        #expect(answer.status == 64 && answer.error.contains("both name \(file)"), "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    /// The names that other targets give what they keep in the state directory and beside the ledger.
    @Test func everyFileOfTheGateIsKnown() throws {
        let settings = try SettingsLoader.load(file: gate.config)
        let (files, ledger) = (GateFiles(settings), settings.ledgerHandle)
        let places = [
            settings.layout.controlSocket, settings.layout.ports, settings.layout.clockLeap,
            settings.layout.forward + "/file.json",
            settings.layout.tokens, ledger.lock, ledger.checkpointDirectory, "\(ledger)",
            settings.staging.path,
        ]
        for place in places + settings.layout.sshd.directories + LedgerKeys(settings).made {
            #expect(files.objection(to: place) != nil, "\(place)")
        }
        // What this gate has made.
        let made = try FileManager.default.subpathsOfDirectory(atPath: settings.state)
        for name in made {
            #expect(files.objection(to: "\(settings.state)/\(name)") != nil, "\(name)")
        }
    }

    // MARK: Files that are named by mistake

    @Test func nothingOfAPrivateKeyIsShownThatIsGivenForAPublicOne() async throws {
        let key = gate.path("state/keys/ledger.key")
        let secret = try gate.read("state/keys/ledger.key").prefix(40)
        for command in [["ledger", "verify", "--key", key], ["account", "add", "q", "--key", key]] {
            let answer = await gate.run(command)
            #expect(answer.status != 0 && !answer.error.contains(secret.dropFirst(12)), "\(answer)")
        }
        let verified = await gate.run("ledger", "verify", "--key", key)
        #expect(verified.error.contains("line 1 is not a public key of notes"), "\(verified)")
        #expect(verified.error.contains("give the file beside it that ends in .pub"), "\(verified)")
        let settings = await TestGate.run(["attempts", "--config", key])
        #expect(settings.status == 78 && settings.error.contains("found a text of"), "\(settings)")
        #expect(!settings.error.contains("PRIVATE+KEY"), "\(settings)")
    }

    @Test func keysWithAByteOrderMarkInFrontAreRead() async throws {
        try gate.write("vsee.pub", "\u{FEFF}\(SampleKeys.ed25519)\r\n")
        let added = await gate.run("account", "add", "vsee", "--key", gate.path("vsee.pub"))
        #expect(added.status == 0, "\(added)")
        try gate.write("ledger.pub", "\u{FEFF}" + gate.read("state/keys/ledger.key.pub"))
        let verified = await gate.run("ledger", "verify", "--key", gate.path("ledger.pub"))
        #expect(verified.status == 0, "\(verified)")
    }

    @Test func aCheckpointWithAByteOrderMarkInFrontIsToldAsThat() async throws {
        let note = await gate.run("ledger", "checkpoint").out
        try gate.write("note", "\u{FEFF}" + note)
        let answer = await gate.run("ledger", "verify", "--checkpoint", gate.path("note"))
        #expect(answer.status == 64 && answer.error.contains("begins with a byte order mark"), "\(answer)")
        try gate.write("note", note)
        #expect(await gate.run("ledger", "verify", "--checkpoint", gate.path("note")).status == 0)
    }

    /// What a person typed is at fault, and nothing is recorded.
    @Test(arguments: commands)
    func aDirectoryIsNoFileToWrite(command: [String]) async throws {
        let size = try gate.openReader().size()
        try FileManager.default.createDirectory(
            atPath: gate.path("there"), withIntermediateDirectories: false)
        let option = try #require(command.last) == "--entry" ? "--entry" : "--output"
        for (name, words) in [
            ("there", "\(gate.path("there")) is a directory; give a file name"),
            ("there/", "\(gate.path("there")) is a directory; give a file name"),
            ("nowhere/out", "there is no directory \(gate.path("nowhere"))"),
        ] {
            let answer = await gate.run(command + [gate.path(name)])
            #expect(answer.status == 64 && answer.out.isEmpty, "\(name): \(answer)")
            #expect(answer.error.contains("\(option): \(words)"), "\(answer)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: gate.path("there")).isEmpty)
        #expect(try gate.openReader().size() == size)
    }

    @Test(arguments: [["ledger", "backup"], ["ledger", "export", "--output"]])
    func noDirectoryIsMadeInOneThatIsNotThere(command: [String]) async throws {
        let size = try gate.openReader().size()
        for place in ["nowhere/copy", "dropgate.yaml/copy"] {
            let answer = await gate.run(command + [gate.path(place)])
            #expect(answer.status == 64 && answer.out.isEmpty, "\(answer)")
            let parent = place.split(separator: "/")[0]
            #expect(answer.error.contains("there is no directory \(gate.path("\(parent)"))"), "\(answer)")
        }
        #expect(try gate.openReader().size() == size)
    }

    /// As a shell's variable that is not set makes one. With what else the command needs, so that nothing else is wrong.
    @Test(arguments: [
        ["report", "-o", ""], ["ledger", "prove", "0", "--output", ""],
        ["ledger", "prove", "0", "--entry", ""],
        ["ledger", "export", "--output", ""], ["ledger", "backup", ""],
        ["ledger", "verify", "--checkpoint", ""], ["ledger", "verify", "--key", ""],
        ["rules", "export", "--direction", "ingress", "--format", "json", "--output", ""],
        ["rules", "check", "--ca", ""], ["rules", "check", "--row", ""],
        ["account", "add", "a", "--key", ""], ["account", "add", "", "--password-stdin"],
        ["account", "add", "a", "--password-stdin", "--role", "collector", "--collects", ""],
        ["account", "show", ""], ["account", "enable", ""], ["account", "disable", ""],
        ["account", "remove", ""],
        ["drops", "show", ""], ["drops", "ack", ""], ["drops", "release", ""], ["drops", "withdraw", ""],
        ["drops", "verify", ""],
        ["attempts", "--account", ""], ["attempts", "--entry", ""], ["attempts", "--drop", ""],
        ["attempts", "--text", ""],
        ["source", "add", "192.0.2.1", "--service", "a", "--channel", "sftp", "--list", ""],
        ["source", "remove", "--id", ""], ["source", "remove", "192.0.2.1", "--service", ""],
        ["source", "remove", "192.0.2.1", "--list", ""], ["source", "review", "", "--by", "2099-01-01"],
        ["source", "expire", ""], ["source", "explain", "--drop", ""],
        ["token", "add", "", "--role", "viewer"], ["token", "revoke", ""],
    ])
    func whatIsEmptyNamesNothing(command: [String]) async throws {
        let size = try gate.openReader().size()
        let answer = await gate.run(command)
        #expect(answer.status == 64 && answer.out.isEmpty, "\(answer)")
        #expect(answer.error.contains("The value '' is invalid for '"), "\(answer)")
        #expect(answer.error.contains("it is empty"), "\(answer)")
        #expect(try gate.openReader().size() == size)
    }

    @Test(arguments: [
        ["attempts", "--config", ""], ["init", ""],
        ["probe", "webhook", "https://127.0.0.1:1/", "--ca", ""],
        ["probe", "webhook", "https://127.0.0.1:1/", "--secret-file", ""],
        ["probe", "webhook", "https://127.0.0.1:1/", "--basic-user", "a", "--password-file", ""],
        ["probe", "sftp", "a@127.0.0.1:1", "--key", ""],
        ["probe", "sftp", "a@127.0.0.1:1", "--password-file", ""],
        ["probe", "sftp", "a@127.0.0.1:1", "--known-hosts", ""],
        ["probe", "sftp", "a@127.0.0.1:1", "--key", "k", "--passphrase-file", ""],
    ])
    func norDoesItWhereNoGateIsNeeded(command: [String]) async {
        let answer = await TestGate.run(command)
        #expect(answer.status == 64 && answer.error.contains("it is empty"), "\(answer)")
    }

    @Test func followingHasNoEnd() async {
        let answer = await gate.run("attempts", "--follow", "--until", "now")
        #expect(answer.status == 64 && answer.error.contains("runs until it is interrupted"), "\(answer)")
    }

    @Test func aDamagedLedgerIsNotAdvisedToBeVerifiedAgain() async throws {
        let file = gate.path("state/ledger.sqlite")
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + suffix) }
        let handle = try #require(FileHandle(forWritingAtPath: file))
        try handle.seek(toOffset: 200)
        try handle.write(contentsOf: Data(repeating: 0xAA, count: 8000))
        try handle.close()
        let answer = await gate.run("ledger", "verify")
        #expect(answer.status != 0 && !answer.error.contains("dropgate ledger verify"), "\(answer)")
    }
}
