// `dropgate init`: a gate out of nothing, nothing changed the second time, and a certificate that fits.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import Logging
import Management
import Settings
import Support
import Testing

@Suite struct InitCommandTests {
    @Test func aDirectoryBecomesAGateThatChecks() async throws {
        let gate = try TestGate()
        let directory = gate.path("gate")
        let answer = await TestGate.run(["init", directory])
        #expect(answer.status == 0, "\(answer)")
        #expect(answer.out.contains(":8443/webhooks/vsee") && answer.out.contains("port 2222"))
        #expect(answer.out.components(separatedBy: "SHA256:").count == 4, "three host keys")
        for name in [
            "gate", "gate/state", "gate/state/run", "gate/state/staging", "gate/accounts", "gate/state/keys",
        ] {
            #expect(try gate.mode(name) == 0o700, "\(name)")
        }
        #expect(answer.out.contains("(ssh-ed25519)") && answer.out.contains("(ssh-rsa)"))
        #expect(answer.out.contains("(ecdsa-sha2-nistp256)"))
        for name in [
            "console.token", "tls/key.pem", "keys/ssh_host_ed25519_key", "keys/ssh_host_ecdsa_key",
            "keys/ssh_host_rsa_key",
        ] {
            #expect(try gate.mode("gate/state/\(name)") == 0o600, "\(name)")
        }
        let token = try gate.read("gate/state/console.token")
        #expect(token.utf8.count == 65)
        #expect(!answer.out.contains(token.dropLast()), "the token is not printed")
        let check = await TestGate.run(["serve", "--check", "--config", directory + "/dropgate.yaml"])
        #expect(check.status == 0, "\(check)")
    }

    @Test func theSecondTimeNothingChanges() async throws {
        let gate = try TestGate()
        _ = await TestGate.run(["init", gate.path("gate")])
        let before = try snapshot(gate)
        let answer = await TestGate.run(["init", gate.path("gate"), "--format", "json"])
        let json = try JSONValue(parsing: Array(answer.out.utf8))
        #expect(answer.status == 0 && json["made"]?.array?.isEmpty == true, "\(answer)")
        #expect(json["sftp"]?["host_keys"]?.array?.count == 3)
        #expect(try snapshot(gate) == before)
    }

    @Test func aStateWithoutTheECDSAKeyServesAndGetsTheKeyByInit() async throws {
        let gate = try TestGate()
        _ = await TestGate.run(["init", gate.path("gate")])
        let (config, key) = (gate.path("gate/dropgate.yaml"), gate.path("gate/state/keys/ssh_host_ecdsa_key"))
        for file in [key, key + ".pub"] { try FileManager.default.removeItem(atPath: file) }
        let before = try snapshot(gate)
        let check = await TestGate.run(["serve", "--check", "--config", config])
        #expect(check.status == 0, "\(check)")
        let doctor = await TestGate.run(["doctor", "--config", config])
        #expect(doctor.out.contains("no ECDSA key") && doctor.out.contains("`dropgate init` makes it"))
        let answer = await TestGate.run(["init", "--config", config, "--format", "json"])
        let json = try JSONValue(parsing: Array(answer.out.utf8))
        #expect(json["made"] == [.string(key), .string(key + ".pub")], "\(answer)")
        #expect(json["sftp"]?["host_keys"]?.array?.count == 3)
        let after = try snapshot(gate).filter { before[$0.key] != nil }
        #expect(after == before, "the other keys stay")
        #expect(await !TestGate.run(["doctor", "--config", config]).out.contains("no ECDSA key"))
    }

    @Test func aMissingKeyOfEarlierVersionsIsStillAnError() async throws {
        let gate = try TestGate()
        _ = await TestGate.run(["init", gate.path("gate")])
        try FileManager.default.removeItem(atPath: gate.path("gate/state/keys/ssh_host_rsa_key"))
        let check = await TestGate.run(["serve", "--check", "--config", gate.path("gate/dropgate.yaml")])
        #expect(
            check.status == 78 && check.error.contains("put it back from the backup")
                && check.error.contains("`dropgate init` makes what is missing"), "\(check)")
    }

    /// A gate that has run: it signed, and its start says its host keys.
    private func gateThatRan(
        hostKeys: [String] = ["ssh-ed25519 SHA256:a", "ssh-rsa SHA256:b"]
    ) async throws -> (gate: TestGate, config: String) {
        let gate = try TestGate()
        _ = await TestGate.run(["init", gate.path("gate")])
        let config = gate.path("gate/dropgate.yaml")
        let settings = try SettingsLoader.load(file: config)
        do {
            let intake = try Intake.open(
                settings.intake, policy: PolicyLoader.load(files: settings.sources),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            var start = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
            start.detail[HostKeyRecord.member] = HostKeyRecord(keys: hostKeys).json
            try await intake.record(start)
            await intake.close()
        }
        let signed = await TestGate.run(["ledger", "checkpoint", "--config", config])
        #expect(signed.status == 0, "\(signed)")
        return (gate, config)
    }

    @Test func aLostSigningKeyIsNotMadeAnewBesideItsLedger() async throws {
        let (gate, config) = try await gateThatRan()
        let key = gate.path("gate/state/keys/ledger.key")
        let text = try Data(contentsOf: URL(fileURLWithPath: key))
        try FileManager.default.removeItem(atPath: key)
        let said =
            "\(key) is gone: the key that signs the ledger \(gate.path("gate/state/ledger.sqlite")); put it back from the "
            + "backup; if there is none, close this ledger and begin a new one"
        func expectSaid(_ what: String) async {
            let answer = await TestGate.run(["init", "--config", config])
            #expect(answer.status == 0 && answer.out.contains("missing  \(said)"), "\(what): \(answer)")
            let check = await TestGate.run(["serve", "--check", "--config", config])
            #expect(check.status == 78 && check.error.contains(said), "\(what): \(check)")
            let serve = await TestGate.run(["serve", "--config", config])
            #expect(serve.status == 78 && serve.error.contains(said), "\(what): \(serve)")
            let doctor = await TestGate.run(["doctor", "--config", config])
            #expect(doctor.status == 1, "\(what): \(doctor)")
            #expect(doctor.out.contains("\(key) is gone"), "\(what): \(doctor)")
            #expect(
                doctor.out.contains("put it back from the backup; if there is none"), "\(what): \(doctor)")
            #expect(!FileManager.default.fileExists(atPath: key))
        }
        await expectSaid("with checkpoints beside it")
        try FileManager.default.removeItem(atPath: gate.path("gate/state/checkpoints"))
        await expectSaid("without them")
        try text.write(to: URL(fileURLWithPath: key))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        try FileManager.default.removeItem(atPath: key + ".pub")
        let check = await TestGate.run(["serve", "--check", "--config", config])
        #expect(
            check.status == 78 && check.error.contains("\(key).pub does not hold the public half"), "\(check)"
        )
    }

    @Test func aDamagedLedgerIsToldByWhoeverStartsAGateOrSetsItUp() async throws {
        let (gate, config) = try await gateThatRan()
        let ledger = gate.path("gate/state/ledger.sqlite")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: ledger))
        // All but the first page, which has the schema.
        bytes.replaceSubrange(4096..., with: Data(repeating: 0x5A, count: bytes.count - 4096))
        try bytes.write(to: URL(fileURLWithPath: ledger))
        let said = ["its file is damaged", "keep it as evidence, run `dropgate ledger verify`"]
        for (command, status) in [
            (["serve", "--check"], 78), (["serve"], 78), (["doctor"], 1), (["init"], 0),
        ] {
            let answer = await TestGate.run(command + ["--config", config])
            #expect(answer.status == Int32(status), "\(command): \(answer)")
            for words in said {
                #expect((answer.out + answer.error).contains(words), "\(command): \(answer)")
            }
        }
    }

    @Test func aLedgerThatIsNotWhatWasSignedOrWasCutFailsTheCheck() async throws {
        let (gate, config) = try await gateThatRan()
        let ledger = gate.path("gate/state/ledger.sqlite")
        func put(_ bytes: Data) throws { try bytes.write(to: URL(fileURLWithPath: ledger)) }
        func expectRefused(_ words: String) async {
            let check = await TestGate.run(["serve", "--check", "--config", config])
            #expect(check.status == 78 && check.error.contains(words), "\(check)")
            let doctor = await TestGate.run(["doctor", "--config", config])
            #expect(doctor.status == 1, "\(doctor)")
            #expect(doctor.out.contains(words.prefix { $0 != ";" }), "\(doctor)")
            #expect(!doctor.out.contains("run this as the gate's user"), "\(doctor)")
        }
        func expectGood(_ what: String) async {
            let check = await TestGate.run(["serve", "--check", "--config", config])
            #expect(check.status == 0 && !check.error.contains("ledger.sqlite"), "\(what): \(check)")
        }
        let old = try Data(contentsOf: URL(fileURLWithPath: ledger))
        #expect(await TestGate.run(["ledger", "checkpoint", "--config", config]).status == 0)
        let new = try Data(contentsOf: URL(fileURLWithPath: ledger))
        await expectGood("as it is")
        try put(old)
        await expectRefused(
            "it was cut or replaced by an older copy. Nothing is appended; keep the file as evidence")
        try put(new.prefix(new.count / 2))
        await expectRefused("its file is damaged; keep it as evidence")
        // The format (https://sqlite.org/fileformat.html, 1.3.15: PRAGMA user_version).
        var other = new
        other[63] = 99
        try put(other)
        await expectRefused("has ledger format 99, this program knows 5; use the program that wrote it")
        other[63] = 3
        try put(other)
        await expectGood("the start brings it up to date")
        try put(new)
        await expectGood("it was put back")
    }

    @Test func aReadGroupThatTheSystemDoesNotKnowIsAProblemOfTheSettings() async throws {
        let gate = try TestGate.plain()
        let settings = try gate.read("dropgate.yaml")
        try gate.write("dropgate.yaml", settings + "ledger: {read_group: no-such-group}\n")
        let answer = await gate.run("init")
        #expect(answer.status == 78, "\(answer)")
        #expect(
            answer.error.contains("ledger.read_group: there is no group no-such-group: addgroup"), "\(answer)"
        )
    }

    @Test func hostKeysThatCallersKnowAreMadeAnewOnlyWhenThatIsAskedFor() async throws {
        let (gate, config) = try await gateThatRan()
        let lost = gate.path("gate/state/keys/ssh_host_ed25519_key")
        for file in [lost, lost + ".pub"] { try FileManager.default.removeItem(atPath: file) }
        let check = await TestGate.run(["serve", "--check", "--config", config])
        #expect(check.status == 78 && check.error.contains("put it back from the backup"), "\(check)")
        var answer = await TestGate.run(["init", "--config", config])
        #expect(
            answer.status == 0
                && answer.out.contains(
                    "missing  \(lost) is gone: a host key that callers know; put it back from the backup"),
            "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: lost))
        answer = await TestGate.run(["init", "--new-host-keys", "--config", config])
        #expect(answer.status == 0 && answer.out.contains("made     \(lost)\n"), "\(answer)")
    }

    /// What doctor says of it is what helps: `init` makes none that callers know, and none beside keys that the settings name.
    @Test func theStepForAMissingECDSAKeyIsOneThatMakesIt() async throws {
        let (gate, config) = try await gateThatRan(
            hostKeys: ["ssh-ed25519 SHA256:a", "ecdsa-sha2-nistp256 SHA256:c"])
        let key = gate.path("gate/state/keys/ssh_host_ecdsa_key")
        for file in [key, key + ".pub"] { try FileManager.default.removeItem(atPath: file) }
        var doctor = await TestGate.run(["doctor", "--config", config])
        #expect(doctor.out.contains("no ECDSA key"), "\(doctor)")
        #expect(doctor.out.contains("callers know \(key): put it back from the backup"), "\(doctor)")
        #expect(!doctor.out.contains("`dropgate init` makes it"), "\(doctor)")
        // The settings name what is there.
        let text = try gate.read("gate/dropgate.yaml")
        let named = ["ed25519", "rsa"].map { "\n    - state/keys/ssh_host_\($0)_key" }.joined()
        let settings = text.replacing(
            "\nsftp:\n", with: "\nsftp:\n  host_keys:\(named)\n", maxReplacements: 1)
        try #require(settings != text)
        try gate.write("gate/dropgate.yaml", settings)
        doctor = await TestGate.run(["doctor", "--config", config])
        #expect(doctor.out.contains("no ECDSA key"), "\(doctor)")
        #expect(
            doctor.out.contains("remove sftp.host_keys from the settings and run `dropgate init`"),
            "\(doctor)")
    }

    @Test func hostKeysOfAStartThatIsSealedAreKnown() async throws {
        let (gate, config) = try await gateThatRan()
        let ledger = LedgerHandle(file: gate.path("gate/state/ledger.sqlite"))
        let segment: LedgerSegment
        do {
            let store = try ledger.open(node: "t")
            let call = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
            _ = try store.commit(Array(repeating: .append(call, drop: nil), count: 300), now: .now())
            segment = try ledger.sealing().writeSegment(0, 0..<256)
            _ = try store.commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], now: .now())
        }
        let lost = gate.path("gate/state/keys/ssh_host_ed25519_key")
        for file in [lost, lost + ".pub"] { try FileManager.default.removeItem(atPath: file) }
        func expectNoneMade(_ what: String) async {
            let answer = await TestGate.run(["init", "--config", config])
            #expect(
                answer.out.contains("missing  \(lost) is gone: a host key that callers know"),
                "\(what): \(answer)")
            #expect(!FileManager.default.fileExists(atPath: lost), "\(what)")
        }
        await expectNoneMade("sealed")
        let file = gate.path("gate/state/segments/\(segment.fileName)")
        try FileManager.default.moveItem(atPath: file, toPath: file + ".away")
        await expectNoneMade("it cannot be read")
        do {
            let store = try ledger.open(node: "t")
            _ = try store.commit([.segmentRemoved(segment)], now: .now())
        }
        await expectNoneMade("retention removed it")
    }

    private func snapshot(_ gate: TestGate) throws -> [String: Data] {
        try Dictionary(
            uniqueKeysWithValues: gate.directory.files(under: "gate").map { name in
                (name, try Data(contentsOf: URL(fileURLWithPath: gate.path("gate/" + name))))
            })
    }

    @Test func whatSettingsNameOutsideTheStateIsNotMade() async throws {
        let gate = try TestGate()
        try gate.write(
            "dropgate.yaml",
            """
            state: state
            webhook: {listen: 127.0.0.1:0, tls: {certificate: own/c.pem, key: own/k.pem}}
            console: {listen: 127.0.0.1:0, token_file: own/token}
            """)
        let answer = await gate.run("init")
        #expect(answer.status == 0)
        #expect(answer.out.contains("missing  \(gate.path("own/c.pem")) and \(gate.path("own/k.pem"))"))
        #expect(answer.out.contains("missing  \(gate.path("own/token"))"))
        #expect(!FileManager.default.fileExists(atPath: gate.path("own")))
        #expect(try gate.policy().entries.count == 2, "VSee's list is made where none is")
    }

    @Test func badSettingsAreNotActedUpon() async throws {
        let gate = try TestGate()
        try gate.write("dropgate.yaml", "state: state\n")
        let answer = await gate.run("init")
        #expect(answer.status == 78 && !FileManager.default.fileExists(atPath: gate.path("state")))
    }
}
