// `drops ack` beside a running gate: over the control socket, and not without it.
import Admission
import Blocking
import Foundation
import Intake
import JSON
import Ledger
import LedgerSupport
import LocalServer
import LocalSocket
import Logging
import Management
import Settings
import Sockets
import Staging
import Testing

@Suite struct ControlSocketTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Of a gate of another kind.
    private func kept(_ path: String) throws -> KeptSocket {
        try KeptSocket(path, "the socket", logger: Self.logger, report: { _, _ in false })
    }

    private func receive(in intake: Intake) async throws -> DropOutcome {
        let event = WebhookEvent(
            path: "/", body: [1], eventID: nil, eventType: nil, envelope: "unrecognised", contentType: nil)
        let attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        return try await intake.receive(event, attempt: attempt)
    }

    @Test func aRunningGateAcknowledgesForTheCommand() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let drop = try await receive(in: intake)
        await intake.waitUntilStaged()

        let locked = await gate.run("drops", "ack", drop.id)
        #expect(
            locked.status == 75 && locked.error.contains("another process writes this ledger"), "\(locked)")

        try await serving(gate, intake) {
            #expect((try? gate.mode("state/run/control.sock")) == 0o600)
            let answer = await gate.run("drops", "ack", drop.id, "nonsense")
            #expect(answer.status == 1)
            #expect(answer.out == "acknowledged \(drop.id)\n")
            #expect(answer.error.contains("\"nonsense\" is not a drop id; `dropgate drops list` shows"))
            let control = ControlClient(path: gate.path("state/run/control.sock"))
            #expect((try? await control.standing(ofDrop: drop.id)) == .kept)
            let strange = DropID.make(milliseconds: 1)
            #expect((try? await control.standing(ofDrop: strange)) == .unknown)
            #expect((try? await control.heldPulls(hostKey: "SHA256:x", origin: "sftp://x")) == [])
            #expect((try? await control.releasePulled(strange)) == .unknown)
            #expect((try? await control.withdrawPulled(strange, there: "taken", by: .current)) == false)
            // What is wrong with one drop says so, and is not the gate's failure.
            let refused = await #expect(throws: IntakeError.self) {
                try await control.discardFetched("../x")
            }
            #expect(refused?.code == .malformed)
            let export = await gate.run("attempts", "--format", "jsonl", "--limit", "0")
            #expect(export.status == 0, "\(export)")
            #expect(
                export.out.split(separator: "\n").count == 2,
                "the webhook and its acknowledgement, not the export itself")
            let reader = try? LedgerHandle(file: gate.path("state/ledger.sqlite")).reader()
            let done = try? reader?.entry(seq: 1)?.value()["detail"]
            #expect(done?["acknowledged"] == true && done?["drop"] == .string(drop.id))
            #expect(done?["uid"]?.int == Int64(geteuid()) && done?["command"] == "drops ack")
            let access = try? reader?.entry(seq: 2)?.value()
            #expect(access?["reason"] == "exported")
            #expect(access?["detail"]?["uid"]?.int == Int64(geteuid()))
        }
        #expect(!FileManager.default.fileExists(atPath: gate.path("state/run/control.sock")))
        await intake.close()
    }

    /// The gate's control socket is open for as long as `body` takes.
    private func serving(_ gate: TestGate, _ intake: Intake, _ body: () async throws -> Void) async throws {
        let signer = intake.checkpointSigner(
            key: try NoteSigner(name: "test"),
            archive: CheckpointFile(directory: gate.path("state/checkpoints")))
        let authority = LocalAuthority(
            try SettingsLoader.load(file: gate.config), intake: intake, signing: signer)
        let (opened, open) = AsyncStream.makeStream(of: Void.self)
        let socket = ControlServer(
            path: gate.path("state/run/control.sock"), authority: authority, state: { GateState(intake) },
            health: intake.health, logger: Self.logger, onOpen: { open.yield() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                await #expect(throws: Never.self) { try await socket.run() }
            }
            for await _ in opened { break }
            try await body()
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatLiesInTheSocketsPlaceIsAProblemUntilItIsMovedAway() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let path = gate.path("state/run/control.sock")
        try await serving(gate, intake) {
            // The gate may be quicker with another socket.
            while mkdir(path, 0o700) != 0 { unlink(path) }
            while !intake.health.has(problem: "sockets") { await Task.yield() }
            let message = intake.health.problems["sockets"] ?? ""
            #expect(
                message.hasPrefix(
                    "the control socket \(path) was removed or replaced, and cannot be made anew"))
            #expect(message.contains("lies a directory") && message.contains("move it away"), "\(message)")
            rmdir(path)
            while intake.health.has(problem: "sockets") { await Task.yield() }
            guard case .yes = await presence(gate) else {
                Issue.record("it answers again")
                return
            }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        await intake.close()
    }

    @Test func aDirectoryInTheSocketsPlaceEndsAStartAsSettingsDo() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let path = gate.path("state/run/control.sock")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let signer = intake.checkpointSigner(
            key: try NoteSigner(name: "test"),
            archive: CheckpointFile(directory: gate.path("state/checkpoints")))
        let socket = ControlServer(
            path: path,
            authority: LocalAuthority(
                try SettingsLoader.load(file: gate.config), intake: intake, signing: signer),
            state: { GateState(intake) }, health: intake.health, logger: Self.logger)
        let error = await #expect(throws: ManagementError.self) { try await socket.run() }
        #expect(error?.code == .configuration && error?.message.contains(path) == true)
        await intake.close()
    }

    /// In place of the directory of events there is a file.
    @Test(.timeLimit(.minutes(1))) func whatCannotBeDoneWhileStagingFailsIsWorthAnotherTry() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let obstacle = "state/staging/ready/webhook"
        try gate.write(obstacle, "")
        let drop = try await receive(in: intake)
        while !intake.health.has(problem: "staging") { await Task.yield() }
        try await serving(gate, intake) {
            // What is refused beside it does not make the rest final.
            for ids in [[drop.id], [drop.id, "nonsense"], ["nonsense", drop.id]] {
                let answer = await TestGate.run(["drops", "ack"] + ids + ["--config", gate.config])
                #expect(answer.status == 75 && answer.out.isEmpty, "\(answer)")
                #expect(answer.error.contains("staging fails at present"), "\(answer)")
                #expect(!answer.error.contains("internal error"), "\(answer)")
            }
            let control = ControlClient(path: gate.path("state/run/control.sock"))
            let refused = await #expect(throws: IntakeError.self) {
                _ = try await control.acknowledge(drop.id, by: .current)
            }
            #expect(refused?.code == .ledgerFailed && refused?.retryAfter == 30)
            #expect((try? FileManager.default.removeItem(atPath: gate.path(obstacle))) != nil)
            await intake.waitUntilStaged()
            let done = await gate.run("drops", "ack", drop.id)
            #expect(done.status == 0, "\(done)")
        }
        await intake.close()
    }

    @Test(.timeLimit(.minutes(1))) func whatTheLedgerDoesNotTakeNowIsWorthAnotherTry() async throws {
        let gate = try TestGate.plain()
        let disk = FailingDisk()
        let intake = try gate.openIntake(on: disk)
        let drop = try await receive(in: intake)
        await intake.waitUntilStaged()
        try await serving(gate, intake) {
            disk.fails = true
            let answer = await gate.run("drops", "ack", drop.id)
            #expect(answer.status == 75 && answer.out.isEmpty, "\(answer)")
            #expect(answer.error.contains("the ledger cannot be written, nothing was changed"), "\(answer)")
            #expect(!answer.error.contains("internal error"), "\(answer)")
            let control = ControlClient(path: gate.path("state/run/control.sock"))
            let refused = await #expect(throws: IntakeError.self) {
                _ = try await control.acknowledge(drop.id, by: .current)
            }
            #expect(refused?.code == .ledgerFailed && refused?.retryAfter == 30)
            disk.fails = false
            let done = await gate.run("drops", "ack", drop.id)
            #expect(done.status == 0, "\(done)")
        }
        await intake.close()
    }

    /// `labs.csv` of the account acme, released. Returns its drop.
    private func upload(_ gate: TestGate, _ intake: Intake) async throws -> String {
        let id = DropID.make(milliseconds: 1)
        try gate.write("state/staging/incoming/sftp/acme/parts/\(id).part", "data")
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
        attempt.account = "acme"
        let upload = FinishedUpload(
            dropID: id, account: "acme", path: "labs.csv", bytes: 4,
            sha256: String(repeating: "a", count: 64), modified: nil)
        _ = try await intake.commit(upload, attempt: attempt)
        await intake.waitUntilStaged()
        return id
    }

    /// Where the file is to be taken back to there is a directory.
    @Test(.timeLimit(.minutes(1))) func whatCannotBeTakenBackNowIsWorthAnotherTry() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let id = try await upload(gate, intake)
        let obstacle = gate.path("state/staging/incoming/sftp/acme/claimed/\(id)")
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        try await serving(gate, intake) {
            let answer = await gate.run("drops", "withdraw", id)
            #expect(answer.status == 75 && answer.out.isEmpty, "\(answer)")
            #expect((try? gate.read("state/staging/ready/sftp/acme/labs.csv")) == "data")
            #expect((try? FileManager.default.removeItem(atPath: obstacle)) != nil)
            let done = await gate.run("drops", "withdraw", id)
            #expect(done.status == 0, "\(done)")
        }
        await intake.close()
    }

    /// Nothing is to be stored: a person has to mend it.
    @Test(.timeLimit(.minutes(1))) func whatCannotBeTakenBackBehindALinkIsForAPersonToMend() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let id = try await upload(gate, intake)
        let (place, away) = (gate.path("state/staging/ready/sftp"), gate.path("away"))
        try FileManager.default.moveItem(atPath: place, toPath: away)
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: away)
        try await serving(gate, intake) {
            let answer = await gate.run("drops", "withdraw", id)
            let words = "drop \(id) cannot be withdrawn now: \(place) is a symbolic link (to \(away))"
            #expect(answer.status == 78 && answer.error.contains(words), "\(answer)")
            #expect(answer.error.contains("; put the directory itself back in its place"), "\(answer)")
            try FileManager.default.removeItem(atPath: place)
            try FileManager.default.moveItem(atPath: away, toPath: place)
            let done = await gate.run("drops", "withdraw", id)
            #expect(done.status == 0, "\(done)")
        }
        await intake.close()
    }

    /// As gates answered before messages had a version.
    @Test func aCommandIsToldThatTheRunningGateIsOfAnotherVersion() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let path = gate.path("state/run/control.sock")
        let server = LocalServer(socket: try kept(path), label: "old gate", longest: 1 << 16)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await server.run { lines in
                    while try await lines.next() != nil {
                        try lines.writer.send(JSONLine.encode(["error": "unknown request"]))
                    }
                } failed: { _, _ in
                }
            }
            if case .yes = await presence(gate) {} else { Issue.record("it answers, in its own way") }
            for command in [["drops", "ack", DropID.make(milliseconds: 1)], ["ledger", "checkpoint"]] {
                let answer = await TestGate.run(command + ["--config", gate.config])
                #expect(answer.status == 70 && answer.error.contains("a different version"), "\(answer)")
            }
            let export = await TestGate.run(["attempts", "--format", "jsonl", "--config", gate.config])
            #expect(
                export.status == 70 && export.error.contains("; restart the gate, so that both are the same"),
                "\(export)")
            #expect(!export.error.contains("run this as the gate's own user"))
            group.cancelAll()
        }
        await intake.close()
    }

    /// As a gate that ends while it is asked.
    @Test func whatMayHaveBeenDoneIsNotSaidToBeWorthAnotherTry() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let path = gate.path("state/run/control.sock")
        let server = LocalServer(socket: try kept(path), label: "ending gate", longest: 1 << 16)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await server.run { lines in
                    guard let line = try await lines.next(),
                        String(decoding: line, as: UTF8.self).contains("hello")
                    else { return }
                    try lines.writer.send(JSONLine.encode(ControlEnvelope(ControlAnswer.here)))
                } failed: { _, _ in
                }
            }
            let ids = [1, 2].map { DropID.make(milliseconds: $0) }
            let withdrawal = await TestGate.run(["drops", "withdraw"] + ids + ["--config", gate.config])
            #expect(withdrawal.status == 70, "\(withdrawal)")
            let words =
                "it is not known whether it has done it: it closed the connection; check with `dropgate attempts"
            #expect(withdrawal.error.components(separatedBy: words).count == 2, "once: \(withdrawal)")
            let checkpoint = await TestGate.run(["ledger", "checkpoint", "--config", gate.config])
            #expect(
                checkpoint.status == 75 && checkpoint.error.contains("run this again in a moment"),
                "\(checkpoint)")
            group.cancelAll()
        }
        await intake.close()
    }

    /// A directory in an event's own is no file: it stays.
    @Test(.timeLimit(.minutes(1))) func whatARunningGateHasWithdrawnInPartIsNoRefusal() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let attempt = Attempt(kind: .request, channel: .webhook, verdict: .rejected, reason: .notListed)
        let event = WebhookEvent(
            path: "/", body: [1], eventID: nil, eventType: nil, envelope: "unrecognised", contentType: nil)
        await intake.hold(event, attempt: attempt)
        let held = gate.path("state/staging/quarantine/webhook")
        let id = try #require(try FileManager.default.contentsOfDirectory(atPath: held).first)
        try gate.write("state/staging/quarantine/webhook/\(id)/obstacle/x", "")
        try await serving(gate, intake) {
            let answer = await gate.run("drops", "withdraw", id)
            #expect(answer.status == 70 && answer.error.contains("drop \(id) is withdrawn"), "\(answer)")
        }
        await intake.close()
    }

    private func presence(_ gate: TestGate) async -> GatePresence? {
        guard let settings = try? SettingsLoader.load(file: gate.config) else { return nil }
        return await GatePresence.look(settings)
    }

    @Test func whereNobodyListensNoGateRuns() async throws {
        let gate = try TestGate.plain()
        guard case .no = await presence(gate) else {
            Issue.record("no socket")
            return
        }
        // As a gate leaves it that was killed.
        _ = try AcceptingSocket.unix(gate.path("state/run/control.sock"))
        guard case .no = await presence(gate) else {
            Issue.record("a socket on which nobody listens")
            return
        }
    }

    /// As a gate that starts and brings its ledger up to date.
    @Test func whoWritesTheLedgerAndDoesNotListenMayBeAGate() async throws {
        let gate = try TestGate.plain()
        let store = try LedgerHandle(file: gate.path("state/ledger.sqlite")).open(node: "t")
        guard case .unknown(let error) = await presence(gate) else {
            Issue.record("somebody writes the ledger")
            return
        }
        #expect(error.message.contains("another process writes this ledger"), "\(error)")
        #expect(error.fix?.contains("try again") == true, "\(error)")
        _ = try store.size()
    }

    /// As `dropgate pull` does that fetches while a gate is started.
    @Test func whoIsPatientGetsTheGateThatStarts() async throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        let intake = try gate.openIntake()
        await #expect(throws: ManagementError.self) { try await Authority.over(settings) { _ in } }
        let asking = Task { try await Authority.over(settings, patience: .seconds(50)) { _ in } }
        let signer = intake.checkpointSigner(
            key: try NoteSigner(name: "test"),
            archive: CheckpointFile(directory: gate.path("state/checkpoints")))
        let socket = ControlServer(
            path: gate.path("state/run/control.sock"),
            authority: LocalAuthority(settings, intake: intake, signing: signer),
            state: { GateState(intake) }, health: intake.health, logger: Self.logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await socket.run() }
            let found = try? await asking.value
            #expect(found is ControlClient)
            group.cancelAll()
        }
        await intake.close()
    }

    @Test func betweenTwoVisitsOfACommandAGateMayTakeTheLedger() async throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        for _ in 0..<2 {
            let authority = try await Authority.over(settings, makesLedger: true) { _ in }
            #expect(authority is LocalAuthority)
            #expect(try await authority.standing(ofDrop: DropID.make(milliseconds: 1)) == .unknown)
            await authority.close()
        }
        await (try gate.openIntake()).close()
    }

    @Test func whoListensAndDoesNotAnswerIsNotTakenForNobody() async throws {
        let gate = try TestGate.plain()
        await (try gate.openIntake()).close()
        let server = LocalServer(
            socket: try kept(gate.path("state/run/control.sock")), label: "mute", longest: 1 << 16)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await server.run { _ in
                } failed: { _, _ in
                }
            }
            defer { group.cancelAll() }
            guard case .unknown(let error) = await presence(gate) else {
                Issue.record("it closes each connection")
                return
            }
            #expect(error.message.contains("whether a gate runs is not known"), "\(error)")
            let doctor = await gate.run("doctor")
            #expect(
                doctor.status == 1 && doctor.out.contains("whether a gate runs is not known"), "\(doctor)")
            for wrong in ["no gate runs", "is not bound", "cannot be bound"] {
                #expect(!doctor.out.contains(wrong), "\(doctor.out)")
            }
            for command in [["drops", "ack", DropID.make(milliseconds: 1)], ["ledger", "checkpoint"]] {
                let answer = await TestGate.run(command + ["--config", gate.config])
                #expect(answer.status == 75 && answer.error.contains("is not known"), "\(answer)")
            }
        }
    }

    /// Nobody is told that it is released, or will be.
    @Test func whoReleasesAHeldDropWhoseFileIsGoneIsToldThatItIsLost() async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        let intake = try gate.openIntake()
        let pull = try FetchedDrop()
        let id = pull.id
        try await pull.take(gate, intake)
        try FileManager.default.removeItem(atPath: gate.path(pull.part))
        let signer = intake.checkpointSigner(
            key: try NoteSigner(name: "test"),
            archive: CheckpointFile(directory: gate.path("state/checkpoints")))
        let authority = LocalAuthority(
            try SettingsLoader.load(file: gate.config), intake: intake, signing: signer)
        let refused = await #expect(throws: IntakeError.self) {
            try await authority.releaseHeld(id, by: .current)
        }
        #expect(refused?.code == .incomplete)
        #expect(refused?.description.contains("its bytes are gone from staging") == true)
        #expect(try intake.standing(ofDrop: id) == .lost)
        await intake.close()
    }

    @Test func whatIsHeldCanBeAskedWhereThereIsNoStaging() async throws {
        let gate = try TestGate.plain()
        let answer = await gate.run("drops", "list", "--held", "--format", "json")
        #expect(answer.status == 0 && answer.out.isEmpty, "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: gate.path("state/staging")))
    }

    @Test func aGateOfAnotherVersionSaysSo() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        let path = gate.path("state/run/control.sock")
        let signer = intake.checkpointSigner(
            key: try NoteSigner(name: "test"),
            archive: CheckpointFile(directory: gate.path("state/checkpoints")))
        let (opened, open) = AsyncStream.makeStream(of: Void.self)
        let socket = ControlServer(
            path: path,
            authority: LocalAuthority(
                try SettingsLoader.load(file: gate.config), intake: intake, signing: signer),
            state: { GateState(intake) }, health: intake.health, logger: Self.logger,
            onOpen: { open.yield() })
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await socket.run() }
            for await _ in opened { break }
            for line in [#"{"ping":true}"#, #"{"version":1,"message":{"hello":{}}}"#, "", "nonsense"] {
                let answer = try? await BlockingExecutor(label: "test", width: 1).run {
                    let connection = try LineConnection(
                        path: path, longest: 1 << 16, answerTimeout: .seconds(10), sendTimeout: .seconds(10))
                    try connection.send(Array((line + "\n").utf8))
                    return try JSONLine.decode(
                        ControlEnvelope<ControlAnswer>.self, from: try connection.receive()
                    ).message
                }
                guard case .failed(_, let message, _)? = answer else {
                    Issue.record("\(line): \(String(describing: answer))")
                    continue
                }
                #expect(message.contains("a different version") == line.contains("version"))
            }
            group.cancelAll()
        }
        await intake.close()
    }

    private static var somebody: Attribution {
        get throws { try Attribution(.localUser(LocalUser(1))) }
    }

    @Test(
        arguments: [
            #""text""#, #"{}"#, #"{"command":""}"#, #"{"command":7}"#, #"{"command":"a","uid":0}"#,
            #"{"command":"a","user":"root"}"#, #"{"command":"a","login_uid":0}"#,
            #"{"command":"a","claimed":"x"}"#, #"{"command":"a","comment":"of another"}"#,
            #"{"command":"a","more":{}}"#, #"{"command":"a","More":"x"}"#,
            #"{"command":"a","more":"\n"}"#, #"{"command":"a","more":"ü"}"#, #"{"command":"a","":"x"}"#,
            "{\"command\":\"a\"" + (0..<16).map { ",\"\(String(repeating: "x", count: $0 + 1))\":1" }.joined()
                + "}",
        ])
    func anAccessThatIsNotWellFormedIsRefused(detail: String) throws {
        let value = try JSONValue(parsing: Array(detail.utf8))
        #expect(throws: JSONValueError.self) { try AccessRecord.attempt(value, by: try Self.somebody) }
    }

    @Test func anAccessWithATooLongTextIsRefused() throws {
        for (count, isRefused) in [(1024, false), (1025, true)] {
            let value = JSONValue.object([
                "command": "a", "more": .string(String(repeating: "x", count: count)),
            ])
            #expect(((try? AccessRecord.attempt(value, by: Self.somebody)) == nil) == isRefused)
        }
    }
}
