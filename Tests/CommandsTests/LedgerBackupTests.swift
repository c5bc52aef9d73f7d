// `dropgate ledger backup`: what a restored copy proves, and what is left of one that fails.
import Admission
import Commands
import Foundation
import Intake
import JSON
import Ledger
import Management
import Settings
import Support
import Testing

@Suite struct LedgerBackupTests {
    private func gate(entries: Int) async throws -> TestGate {
        let gate = try TestGate.plain()
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        let intake = try gate.openIntake()
        for _ in 0..<entries { try await intake.record(.started) }
        await intake.close()
        return gate
    }

    /// Records a start, with or without the promise that its source lists are kept. Returns their version.
    private func started(_ gate: TestGate, promising: Bool) async throws -> String {
        let version = try gate.policy().version
        let intake = try gate.openIntake()
        var start = Attempt.started
        start.policy = version
        if promising { start.detail[KeptLists.promise] = true }
        try await intake.record(start)
        await intake.close()
        return version
    }

    @Test func aCopyVerifiesWithTheKeysThatLieBesideItAndIsAnAccess() async throws {
        let gate = try await gate(entries: 5)
        let answer = await gate.run("ledger", "backup", gate.path("copy"), "--format", "json")
        let json = try JSONValue(parsing: Array(answer.out.utf8))
        #expect(answer.status == 0 && json["entries"] == 7 && json["signed"] == 7, "\(answer)")
        #expect(try gate.mode("copy") == 0o700 && gate.mode("copy/ledger.sqlite") == 0o600)
        #expect(try gate.mode("copy/keys/ledger.key") == 0o600)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: gate.path("copy")).sorted() == [
                "checkpoints", "keys", "ledger.sqlite", "policies",
            ], "one file, which opens where nobody may write")
        let reader = try LedgerHandle(file: gate.path("copy/ledger.sqlite")).reader()
        #expect(try reader.entry(seq: 5)?.value()["detail"]?["command"] == "ledger backup")
        // Where it is put back, under the settings of the gate.
        try FileManager.default.moveItem(atPath: gate.path("state"), toPath: gate.path("lost"))
        try FileManager.default.moveItem(atPath: gate.path("copy"), toPath: gate.path("state"))
        try GateDirectories.make(gate.path("state/run"))
        let verified = await gate.run("ledger", "verify")
        #expect(verified.status == 0 && verified.out.contains("verified 0…6"), "\(verified)")
        let intake = try gate.openIntake()
        #expect(try await intake.record(.started) == 7, "the copy goes on")
        await intake.close()
    }

    @Test func aCopyHoldsWhatIsNotYetInTheLedgersMainFile() async throws {
        let gate = try await gate(entries: 1)
        let intake = try gate.openIntake()
        for _ in 0..<50 { try await intake.record(.started) }
        _ = try LedgerHandle(file: gate.path("state/ledger.sqlite"))
            .backUp(into: { try GateDirectories.make(gate.path("copy"))[0] }())
        await intake.close()
        #expect(try LedgerHandle(file: gate.path("copy/ledger.sqlite")).reader().size() == 51)
    }

    @Test func itLiesOutsideOfTheGateAndFollowsNoLink() async throws {
        let gate = try await gate(entries: 1)
        // Without one there is nothing to export.
        let signed = await gate.run("ledger", "checkpoint")
        #expect(signed.status == 0, "\(signed)")
        try GateDirectories.make(gate.path("state/staging/ready"))
        try FileManager.default.createSymbolicLink(
            atPath: gate.path("inside"), withDestinationPath: gate.path("state"))
        try FileManager.default.createSymbolicLink(
            atPath: gate.path("dangling"), withDestinationPath: gate.path("nowhere"))
        let size = try gate.openReader().size()
        for (place, said) in [
            ("state/copy", "gate's state directory"), ("state/staging/ready/copy", "gate's state directory"),
            ("inside/copy", "gate's state directory"), ("state/../state/copy", "gate's state directory"),
            ("dangling", "is there already (a symbolic link)"), ("inside", "is there already"),
        ] {
            for command in [["ledger", "backup"], ["ledger", "export", "--output"]] {
                let answer = await TestGate.run(command + [gate.path(place), "--config", gate.config])
                #expect(answer.status == 1, "\(place): \(answer)")
                #expect(answer.error.contains(said), "\(place): \(answer)")
            }
            #expect(!FileManager.default.fileExists(atPath: gate.path("state/copy")))
        }
        #expect(try gate.openReader().size() == size, "nothing was exported, and nothing is recorded")
        #expect(!FileManager.default.fileExists(atPath: gate.path("nowhere")))
    }

    @Test func listsInForceAreMissedHoweverLongAgoTheyCameIntoForce() async throws {
        let gate = try await gate(entries: 0)
        let version = try await started(gate, promising: true)
        let ledger = LedgerHandle(file: gate.path("state/ledger.sqlite"))
        try FileManager.default.removeItem(
            atPath: gate.path("state/policies/\(version.dropFirst(7)).txt"))
        let after = Instant.now() + .seconds(1)
        #expect(try ledger.damagedLists(since: after).isEmpty)
        let damage = try ledger.damagedLists(since: after, inForce: version)
        #expect(damage.map(\.version) == [version] && damage[0].message.contains("has in force"))
        #expect(try ledger.damagedLists(inForce: version).map(\.entry) == [0], "it is told once")
    }

    @Test func sourceListsThatWereKeptAndAreDamagedAreTold() async throws {
        let gate = try await gate(entries: 0)
        let version = try await started(gate, promising: true)
        var answer = await gate.run("ledger", "backup", gate.path("good"))
        #expect(answer.status == 0, "\(answer)")
        let list = gate.path("state/policies/\(version.dropFirst(7)).txt")
        let text = try Data(contentsOf: URL(fileURLWithPath: list))

        func expectTold(_ words: String, _ name: String) async throws {
            for (command, place) in [("backup", "backup-\(name)"), ("export", "export-\(name)")] {
                let option = command == "export" ? ["--output"] : []
                let answer = await TestGate.run(
                    ["ledger", command] + option + [gate.path(place), "--config", gate.config])
                #expect(answer.status == 30 && answer.error.contains(words), "\(place): \(answer)")
                #expect(FileManager.default.fileExists(atPath: gate.path(place)), "the rest is there")
            }
            let manifest = try JSONValue(parsing: Array(gate.read("export-\(name)/manifest.json").utf8))
            #expect(manifest["policies_damaged"] == [.string(version)])
            answer = await gate.run("ledger", "verify")
            #expect(answer.status == 30 && answer.out.contains("lists_damaged"), "\(answer)")
            #expect(answer.out.contains(words) && answer.out.contains("NOT VERIFIED"), "\(answer)")
            let doctor = await gate.run("doctor")
            #expect(doctor.out.contains(words), "\(doctor)")
        }
        try Data("x".utf8).write(to: URL(fileURLWithPath: list))
        try await expectTold("\(list) does not hold the source lists that its name says", "altered")
        try FileManager.default.removeItem(atPath: list)
        try await expectTold("\(list) is gone: the source lists that entry 0 says were kept", "missing")
        try text.write(to: URL(fileURLWithPath: list))
        answer = await gate.run("ledger", "verify")
        #expect(answer.status == 0, "\(answer)")
    }

    @Test func listsOfBeforeTheyWereKeptAreNoDamage() async throws {
        let gate = try await gate(entries: 0)
        let version = try await started(gate, promising: false)
        try FileManager.default.removeItem(atPath: gate.path("state/policies"))
        for command in [["backup"], ["verify"], ["export", "--output"]] {
            let place = command[0] == "verify" ? [] : [gate.path(command[0])]
            let answer = await TestGate.run(["ledger"] + command + place + ["--config", gate.config])
            #expect(answer.status == 0, "\(answer)")
        }
        let manifest = try JSONValue(parsing: Array(gate.read("export/manifest.json").utf8))
        #expect(manifest["policies_missing"] == [.string(version)] && manifest["policies_damaged"] == [])
    }

    // MARK: Keys

    private static let lacks = "it does not hold the key that signs the ledger: keep your earlier backups"

    /// As of another gate of the same name: who knows this ledger's key believes nothing that it signs.
    @Test func aKeyOfAnotherLedgerSignsNothingAndIsNotTakenForTheLedgers() async throws {
        let gate = try await gate(entries: 2)
        let other = try NoteSigner(name: Checkpoint.origin(node: "gate-1"))
        try gate.write("state/keys/ledger.key", other.secretText + "\n")
        let key = gate.path("state/keys/ledger.key")
        let words = "\(key).pub does not hold the public half of \(key); put both back from the backup"
        for command in ["checkpoint", "rotate-key"] {
            let answer = await gate.run("ledger", command)
            #expect(answer.status == 78 && answer.error.contains(words), "\(command): \(answer)")
        }
        let backup = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(backup.status == 78 && backup.error.contains(words), "\(backup)")
        #expect(backup.out.contains(Self.lacks) && backup.out.contains("nothing is signed"), "\(backup)")
        #expect(try LedgerHandle(file: gate.path("copy/ledger.sqlite")).reader().size() == 3)
        #expect(try gate.openReader().newestCheckpoint() == nil)
        #expect(try gate.read("state/keys/ledger.key.pub").split(separator: "\n").count == 1)
    }

    @Test func aBackupBesideALostKeyIsMadeAndSaysThatItLacksTheKey() async throws {
        let gate = try await gate(entries: 2)
        let key = gate.path("state/keys/ledger.key")
        try FileManager.default.removeItem(atPath: key)
        let answer = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(answer.status == 78 && answer.out.contains(Self.lacks), "\(answer)")
        #expect(answer.error.contains("\(key) is gone: the key that signs the ledger"), "\(answer)")
        #expect(answer.error.contains("put it back from the backup"), "\(answer)")
        #expect(gate.directory.files(under: "copy/keys") == ["ledger.key.pub"])
        #expect(try LedgerHandle(file: gate.path("copy/ledger.sqlite")).reader().size() == 3)
    }

    @Test func aFileThatIsNoKeyIsToldWithTheNextStep() async throws {
        let gate = try await gate(entries: 2)
        try gate.write("state/keys/ledger.key", "garbage\n")
        let words = "ledger.key is not a signing key of notes (PRIVATE+KEY+…); put it back from the backup"
        let answer = await gate.run("ledger", "checkpoint")
        #expect(answer.status == 78 && answer.error.contains(words), "\(answer)")
        let backup = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(backup.status == 78 && backup.out.contains(Self.lacks), "\(backup)")
        let new = try TestGate.plain()
        _ = await new.run("init")
        try new.write("state/keys/ledger.key", "garbage\n")
        let check = await new.run("serve", "--check")
        #expect(check.status == 78 && check.error.contains("`dropgate init` makes one"), "\(check)")
    }

    // MARK: What is no file

    /// A pipe would never end, and a link leads to what is not the gate's.
    @Test func whatIsNoFileIsNotCopied() async throws {
        let gate = try await gate(entries: 0)
        let version = try await started(gate, promising: true)
        try gate.write("secret", "secret")
        for (name, folder) in [("a", "policies"), ("b", "checkpoints")] {
            try GateDirectories.make(gate.path("state/\(folder)"))
            let stem = "state/\(folder)/" + String(repeating: name, count: 64)
            let suffix = folder == "policies" ? ".txt" : ".notes"
            #expect(mkfifo(gate.path("\(stem)0\(suffix)"), 0o600) == 0)
            try FileManager.default.createSymbolicLink(
                atPath: gate.path("\(stem)1\(suffix)"), withDestinationPath: gate.path("secret"))
        }
        let copy = gate.path("copy")
        let made = try LedgerHandle(file: gate.path("state/ledger.sqlite"))
            .backUp(into: { try GateDirectories.make(copy)[0] }())
        #expect(made.entries == 1)
        for (folder, names) in [("policies", ["\(version.dropFirst(7)).txt"]), ("checkpoints", [])] {
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(copy)/\(folder)") == names)
        }
        #expect(try gate.mode("secret") != 0o600 && gate.read("secret") == "secret")
    }

    @Test(arguments: [true, false])
    func aSealedFileThatIsAPipeOrALinkEndsTheBackup(isPipe: Bool) async throws {
        let gate = try await gate(entries: 0)
        let ledger = LedgerHandle(file: gate.path("state/ledger.sqlite"))
        let segment: LedgerSegment
        do {
            let store = try ledger.open(node: "gate-1")
            _ = try store.commit(Array(repeating: .append(.started, drop: nil), count: 300), now: .now())
            segment = try ledger.sealing().writeSegment(0, 0..<256)
            _ = try store.commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], now: .now())
        }
        let file = gate.path("state/segments/\(segment.fileName)")
        try FileManager.default.moveItem(atPath: file, toPath: gate.path("elsewhere"))
        if isPipe {
            #expect(mkfifo(file, 0o600) == 0)
        } else {
            try FileManager.default.createSymbolicLink(
                atPath: file, withDestinationPath: gate.path("elsewhere"))
        }
        let answer = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(answer.status == 24, "\(answer)")
        #expect(answer.error.contains("\(file) is not the file that was sealed"), "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: gate.path("copy")))
        #expect(!FileManager.default.fileExists(atPath: gate.path("copy.new")))
    }

    // MARK: A ledger that nothing can be recorded in

    /// It is not for want of rights or of room.
    @Test func aLedgerThatIsNotWhatWasSignedGetsItsOwnNextStep() async throws {
        let gate = try await gate(entries: 2)
        let ledger = gate.path("state/ledger.sqlite")
        try FileManager.default.copyItem(atPath: ledger, toPath: gate.path("older"))
        #expect(await gate.run("ledger", "checkpoint").status == 0)
        try FileManager.default.removeItem(atPath: ledger)
        try FileManager.default.copyItem(atPath: gate.path("older"), toPath: ledger)
        let rolledBack = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(rolledBack.status != 0, "\(rolledBack)")
        #expect(
            rolledBack.error.contains(
                "it was cut or replaced by an older copy. Nothing is appended; keep the file as evidence, run `dropgate "
                    + "ledger verify`, and put the whole ledger back"), "\(rolledBack)")
        #expect(!rolledBack.error.contains("its disk has room"), "\(rolledBack)")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: ledger))
        // The format (https://sqlite.org/fileformat.html, 1.3.15: PRAGMA user_version).
        bytes[63] = 99
        try bytes.write(to: URL(fileURLWithPath: ledger))
        let newer = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(
            newer.error.contains("has ledger format 99, this program knows 5; use the program"), "\(newer)")
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: ledger))
        let damaged = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(damaged.error.contains("its file is damaged; keep it as evidence"), "\(damaged)")
        for answer in [newer, damaged] {
            #expect(answer.status != 0 && !answer.error.contains("its disk has room"), "\(answer)")
        }
    }

    // MARK: Places

    @Test func nothingIsReplacedAndNothingHalfIsLeft() async throws {
        let gate = try await gate(entries: 2)
        try gate.write("taken/file", "x")
        var answer = await gate.run("ledger", "backup", gate.path("taken"))
        #expect(answer.status == 1 && answer.error.contains("is there already"), "\(answer)")
        #expect(try gate.read("taken/file") == "x")
        answer = await gate.run("ledger", "backup", gate.path("no/such/place"))
        #expect(answer.status == 64 && answer.error.contains("there is no directory"), "\(answer)")
        try GateDirectories.make(gate.path("half.new"))
        answer = await gate.run("ledger", "backup", gate.path("half"))
        #expect(
            answer.status == 1 && answer.error.contains("an unfinished backup is left there"), "\(answer)")
        // A ledger that cannot be copied leaves no directory.
        try FileManager.default.removeItem(atPath: gate.path("state/ledger.sqlite"))
        // Whoever had it open last may not have removed its log yet.
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: gate.path("state/ledger.sqlite" + suffix))
        }
        answer = await gate.run("ledger", "backup", gate.path("none"))
        #expect(answer.status != 0 && answer.error.contains("there is no ledger at"), "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: gate.path("none")))
        #expect(!FileManager.default.fileExists(atPath: gate.path("none.new")))
    }
}

extension Attempt {
    fileprivate static var started: Attempt {
        Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
    }
}
