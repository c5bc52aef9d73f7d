// Pages of attempts and drops: whatever is asked for, and however little of the ledger one page looks at, all of them together give
// everything once.
import Admission
import Foundation
import Intake
import Ledger
import Settings
import Staging
import Testing

@testable import Management

@Suite struct PageTests {
    /// A gate with entries of several kinds; three of ten are refusals, and each event a drop.
    private func gate(_ count: Int) async throws -> (TestGate, GateSettings) {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        for number in 0..<count {
            if number % 10 < 3 {
                var attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .authFailed)
                attempt.source = Endpoint(ip: try IPAddress("192.0.2.\(number % 7)"))
                try await intake.record(attempt)
            } else {
                _ = try await intake.receive(
                    WebhookEvent(
                        path: "/w", body: Array("\(number)".utf8), eventID: "e-\(number)", eventType: "t",
                        envelope: "v2", contentType: nil),
                    attempt: Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed))
            }
        }
        await intake.waitUntilStaged()
        await intake.close()
        intake.closeLedger()
        return (gate, try SettingsLoader.load(file: gate.config))
    }

    @Test(arguments: [(1, 0), (7, 3), (1000, 1000)] as [(Int64, Int64)])
    func activityCountsEachAttemptOnceHoweverManyAsk(piece: Int64, soon: Int64) async throws {
        let (gate, settings) = try await gate(60)
        defer { withExtendedLifetime(gate) {} }
        let activity = Activity(settings.ledgerHandle, piece: piece, soon: soon)
        let now = Instant.now()
        func isComplete() async throws -> Bool {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 { group.addTask { try activity.counts(at: now).isComplete } }
                return try await group.reduce(true) { $0 && $1 }
            }
        }
        while try await !isComplete() { await Task.yield() }
        var verdicts: [Verdict: Int64] = [:]
        for hour in try activity.counts(at: now).hours.values { verdicts.merge(hour, uniquingKeysWith: +) }
        #expect(verdicts == [.accepted: 42, .rejected: 18])
        // What is older than it reaches is let go of.
        #expect(try activity.counts(at: now + .seconds(40 * 86_400)).hours.isEmpty)
    }

    @Test func pagesOfAttemptsGiveEachOnceWhateverOneLooksAt() async throws {
        let (gate, settings) = try await gate(60)
        let service = try AttemptService(settings)
        var queries = [LedgerQuery(), LedgerQuery(), LedgerQuery(), LedgerQuery()]
        queries[1].verdicts = [.rejected]
        queries[2].reasons = [.pulled]
        queries[3].sources = [try CIDRBlock("192.0.2.0/31")]
        for query in queries {
            var whole = query
            whole.limit = .max
            let all = try gate.openReader().entries(whole).map(\.seq)
            let kinds: [(limit: Int, span: Int64, step: Int64, patience: Duration)] = [
                (1, 1, 1, .zero), (1, 7, 3, .zero), (3, 5, 5000, .zero), (7, 1000, 5000, .zero),
                (7, 1000, 4, .seconds(60)), (3, 11, 2, .seconds(60)), (500, 13, 5, .zero),
                (500, 1000, 6, .seconds(60)), (500, 1000, 6, .zero),
            ]
            for (limit, span, step, patience) in kinds {
                var found: [Int64] = []
                var before: Int64?
                repeat {
                    let page = try service.page(
                        query, before: before, limit: limit, span: span, step: step, patience: patience)
                    #expect(page.entries.count <= limit)
                    found += page.entries.map(\.seq)
                    if let next = page.next, let before { #expect(next < before, "it would never end") }
                    before = page.next
                } while before != nil
                #expect(found == all.reversed())
            }
        }
    }

    @Test func aPeriodBoundsWhatIsLookedAt() async throws {
        let (gate, settings) = try await gate(20)
        let times = try gate.openReader().entries(LedgerQuery()).map(\.time)
        var query = LedgerQuery()
        (query.since, query.until) = (times[4], times[9])
        let page = try AttemptService(settings).page(query, before: nil, limit: 50, span: 3)
        #expect(page.entries.map(\.seq) == [8, 7, 6] && page.next == 6)
        query.until = times[4]
        let none = try AttemptService(settings).page(query, before: nil, limit: 50)
        #expect(none.entries.isEmpty && none.next == nil)
    }

    @Test func pagesOfDropsGiveEachOnceWhateverOneLooksAt() async throws {
        let (gate, settings) = try await gate(40)
        let service = DropService(settings)
        let all = try gate.openReader().drops(limit: .max).map(\.id)
        #expect(all.count == 28)
        let kinds: [(limit: Int, most: Int, step: Int, patience: Duration)] = [
            (1, 1, 50, .zero), (5, 3, 2, .seconds(60)), (200, 7, 3, .seconds(60)), (200, 14, 7, .zero),
            (200, 1000, 28, .seconds(60)), (200, 1000, 50, .zero),
        ]
        for (limit, most, step, patience) in kinds {
            let asked: [(states: Set<DropState>, wanted: [String])] = [
                ([], all), ([.released], all), ([.acknowledged], []),
            ]
            for (states, wanted) in asked {
                var found: [String] = []
                var before: Int64?
                repeat {
                    let page = try service.page(
                        states: states, before: before, limit: limit, most: most, step: step,
                        patience: patience)
                    #expect(page.drops.count <= limit)
                    found += page.drops.map(\.receipt.drop)
                    before = page.next
                } while before != nil
                #expect(found == wanted)
            }
        }
    }

    @Test func theContentOfADropIsWhatWasSent() async throws {
        let (gate, settings) = try await gate(5)
        let service = DropService(settings)
        let drop = try #require(try gate.openReader().drops(limit: 1).first)
        let content = try service.content(of: drop.id)
        guard case .file(let file) = content.source else { return #expect(Bool(false), "not a file") }
        #expect(try file.contents(limit: 10) == Array("4".utf8) && content.size == 1)
        #expect(throws: NoContent.unknown) { try service.content(of: String(repeating: "0", count: 26)) }
        #expect(throws: NoContent.unknown) { try service.content(of: "../../x") }
        _ = try await service.changing(by: .current, warn: { _ in }) { try await $0.acknowledge(drop.id) }
        #expect(try service.content(of: drop.id).size == 1, "it lies there yet")
    }

    @Test(arguments: ["directory", "link", "pipe"])
    func whatIsNoFileInADropsPlaceIsNotGivenAsItsContent(kind: String) async throws {
        let (gate, settings) = try await gate(5)
        let service = DropService(settings)
        let drop = try #require(try gate.openReader().drops(limit: 1).first)
        let place = "\(settings.staging.path)/ready/\(drop.readyPath)"
        try FileManager.default.removeItem(atPath: place)
        #expect(throws: NoContent.gone(state: "taken")) { try service.content(of: drop.id) }
        switch kind {
        case "directory":
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        case "link":
            try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: gate.config)
        default: #expect(mkfifo(place, 0o600) == 0)
        }
        #expect(throws: NoContent.altered) { try service.content(of: drop.id) }
    }

    /// A sender renames a released drop, or a consumer puts one back: for a moment the file is not there.
    @Test(arguments: [1, 30, 70])
    func aDropThatIsAwayForAMomentIsGivenOnceItIsBack(away count: Int) async throws {
        let (gate, settings) = try await gate(140)
        let service = DropService(settings)
        let all = try gate.openReader().drops(limit: .max).reversed().map { $0 }
        let staging = settings.staging.path
        func move(_ drop: DropRecord, back: Bool) throws {
            let places = ["\(staging)/ready/\(drop.readyPath)", gate.path("away-\(drop.id)")]
            let (from, to) = back ? (places[1], places[0]) : (places[0], places[1])
            try FileManager.default.moveItem(atPath: from, toPath: to)
        }
        let away = all.prefix(count)
        for drop in away { try move(drop, back: false) }
        var stream = try service.stream(after: nil)
        let first = try stream.next()
        #expect(first.map(\.drop.receipt.drop) == all.dropFirst(count).map(\.id))
        #expect(try stream.next().isEmpty)
        for drop in away { try move(drop, back: true) }
        // Who connects again goes on from the last event, and the newest of those that were away come.
        let last = try #require(first.last)
        let position = try #require(StreamPosition("\(last.position)"))
        var again = try service.stream(after: position)
        let kept = away.suffix(StreamPosition.mostOpen / 2).map(\.id)
        #expect(try again.next().map(\.drop.receipt.drop) == kept)
        #expect(try again.next().isEmpty && again.position == StreamPosition(last: position.last))
        // And so for who has stayed.
        #expect(try stream.next().map(\.drop.receipt.drop) == kept)
    }

    /// The gate that it is pulled from had it no more for a while, and others were released meanwhile.
    @Test(.timeLimit(.minutes(1)))
    func aWithdrawnDropThatComesAgainIsGivenThoughLaterOnesWereGivenBefore() async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        let intake = try gate.openIntake()
        let service = DropService(try SettingsLoader.load(file: gate.config))
        let pull = try FetchedDrop()
        let id = pull.id
        try await pull.take(gate, intake)
        let seq = try #require(try gate.openReader().drop(id: id)).seq
        try await pull.withdraw(intake)
        _ = try await receiveEvent("1", intake)
        var stream = try service.stream(after: nil)
        let passed = try stream.next()
        #expect(passed.count == 1 && passed.first?.drop.receipt.drop != id)
        #expect(stream.position.last > seq && stream.position.open == [seq])
        #expect(try stream.next().isEmpty)
        try await pull.take(gate, intake)
        #expect(try stream.next().isEmpty, "it is held")
        #expect(try await intake.release(pulled: id) == .kept)
        await intake.waitUntilStaged()
        // Whoever connects again gets it as well as whoever has stayed.
        let last = try #require(passed.last)
        var again = try service.stream(after: StreamPosition("\(last.position)"))
        #expect(try again.next().map(\.drop.receipt.drop) == [id])
        #expect(try stream.next().map(\.drop.receipt.drop) == [id])
        #expect(try stream.next().isEmpty && stream.position.open.isEmpty)
        await intake.close()
    }

    /// What may come again does not, as a rule, and such drops pile up.
    @Test(.timeLimit(.minutes(1)), arguments: [65, 200])
    func manyWithdrawnDropsHoldUpNoneBehindThemAndTheNewestIsGivenOnceItComesAgain(count: Int) async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        try await makeStaging(gate)
        try withdraw(try hold(count - 1, in: gate), in: gate)
        let intake = try gate.openIntake()
        let service = DropService(try SettingsLoader.load(file: gate.config))
        let pull = try FetchedDrop()
        try await pull.take(gate, intake)
        try await pull.withdraw(intake)
        #expect(try gate.openReader().count(of: .withdrawn) == Int64(count))
        let event = try await receiveEvent("1", intake)
        var stream = try service.stream(after: nil)
        let passed = try stream.next()
        #expect(passed.map(\.drop.receipt.drop) == [event])
        #expect(stream.position.open.count == StreamPosition.mostOpen / 2)
        #expect(try stream.next().isEmpty)
        try await pull.take(gate, intake)
        #expect(try await intake.release(pulled: pull.id) == .kept)
        await intake.waitUntilStaged()
        let last = try #require(passed.last)
        var again = try service.stream(after: StreamPosition("\(last.position)"))
        #expect(try again.next().map(\.drop.receipt.drop) == [pull.id])
        #expect(try stream.next().map(\.drop.receipt.drop) == [pull.id])
        #expect(try stream.next().isEmpty)
        await intake.close()
    }

    @Test func whoCarriesManyWithdrawnDropsAndMeetsMoreGoesOn() async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        try await makeStaging(gate)
        try withdraw(try hold(32, in: gate), in: gate)
        let first = try await receiveEvent("1", in: gate)
        let service = DropService(try SettingsLoader.load(file: gate.config))
        var stream = try service.stream(after: nil)
        #expect(try stream.next().map(\.drop.receipt.drop) == [first])
        #expect(stream.position.open.count == 32)
        let newer = try hold(40, in: gate)
        try withdraw(newer, in: gate)
        let second = try await receiveEvent("2", in: gate)
        #expect(try stream.next().map(\.drop.receipt.drop) == [second])
        // The oldest are forgotten.
        let kept = try seqs(newer.suffix(32), in: gate)
        #expect(stream.position.open == kept)
        #expect(try stream.next().isEmpty && stream.position.open == kept)
    }

    /// A consumer puts it back, or its sender was renaming it that moment.
    @Test func aDropThatIsAbsentForAMomentIsNotForgottenForWithdrawnOnes() async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        try await makeStaging(gate)
        let first = try await receiveEvent("1", in: gate)
        let (ready, away) = (gate.path("state/staging/ready/webhook"), gate.path("away"))
        try FileManager.default.moveItem(atPath: ready, toPath: away)
        try FileManager.default.createDirectory(
            atPath: ready, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        try withdraw(try hold(40, in: gate), in: gate)
        let second = try await receiveEvent("2", in: gate)
        var stream = try DropService(try SettingsLoader.load(file: gate.config)).stream(after: nil)
        #expect(try stream.next().map(\.drop.receipt.drop) == [second])
        try FileManager.default.removeItem(atPath: ready)
        try FileManager.default.moveItem(atPath: away, toPath: ready)
        #expect(try stream.next().map(\.drop.receipt.drop) == [first])
    }

    /// More than can be remembered have those behind them wait; once fewer are held, it goes on, and each of them is given.
    @Test func heldDropsAreLeftOutAndNoneOfThemIsLost() async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        try await makeStaging(gate)
        let older = try hold(40, in: gate)
        try withdraw(older, in: gate)
        let held = try hold(StreamPosition.mostOpen + 1, in: gate)
        let event = try await receiveEvent("1", in: gate)
        var stream = try DropService(try SettingsLoader.load(file: gate.config)).stream(after: nil)
        #expect(try stream.next().isEmpty && stream.position == StreamPosition.beginning)
        try withdraw([held[0]], in: gate)
        #expect(try stream.next().map(\.drop.receipt.drop) == [event])
        let rest = held.dropFirst()
        let left = try seqs(rest, in: gate)
        #expect(stream.position.open == left, "there is no room for those that are away")
        // Staging says nothing of them: they are where the ledger says.
        let released = rest.map { (id: $0, readyPath: "sftp/vsee/\($0)") }
        var operations = rest.map { LedgerOperation.letGo(id: $0) }
        operations.append(.released(released, at: .now()))
        try commit(operations, in: gate)
        #expect(try stream.next().map(\.drop.receipt.drop) == Array(rest))
        #expect(try stream.next().isEmpty && stream.position.open.isEmpty)
    }

    @Test func dropsThatWereTakenHoldUpNoneBehindThem() async throws {
        let (gate, settings) = try await gate(140)
        let all = try gate.openReader().drops(limit: .max).reversed().map { $0 }
        for drop in all.dropLast() {
            try FileManager.default.removeItem(atPath: "\(settings.staging.path)/ready/\(drop.readyPath)")
        }
        var stream = try DropService(settings).stream(after: nil)
        #expect(try stream.next().map(\.drop.receipt.drop) == [try #require(all.last).id])
        #expect(stream.position.open.count <= StreamPosition.mostOpen)
    }

    // MARK: Pulled drops

    /// Returns its drop, which is released.
    private func receiveEvent(_ text: String, _ intake: Intake) async throws -> String {
        let drop = try await intake.receive(
            WebhookEvent(
                path: "/w", body: Array(text.utf8), eventID: "e-\(text)", eventType: "t", envelope: "v2",
                contentType: nil),
            attempt: Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed))
        await intake.waitUntilStaged()
        return drop.id
    }

    /// A ledger with entries has a staging directory.
    private func makeStaging(_ gate: TestGate) async throws {
        let intake = try gate.openIntake()
        await intake.close()
        intake.closeLedger()
    }

    /// By a gate that runs for so long only: the ledger is free again.
    private func receiveEvent(_ text: String, in gate: TestGate) async throws -> String {
        let intake = try gate.openIntake()
        let drop = try await receiveEvent(text, intake)
        await intake.close()
        intake.closeLedger()
        return drop
    }

    /// Of a gate that does not run.
    private func commit(_ operations: [LedgerOperation], in gate: TestGate) throws {
        let store = try LedgerHandle(file: gate.path("state/ledger.sqlite")).open(node: "gate-1")
        _ = try store.commit(operations, now: .now())
        store.close()
    }

    private func pullAttempt(_ id: String) -> Attempt {
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .pulled)
        attempt.drop = DropFacts(id: id, name: "sftp/vsee/\(id)", bytes: 1, sha256: "00")
        return attempt
    }

    /// Many pulled drops at once, in the ledger alone. Returns them in the order of their entries.
    private func hold(_ count: Int, in gate: TestGate) throws -> [String] {
        let ids = (0..<count).map { _ in DropID.make(milliseconds: 7) }
        let operations = ids.map { id in
            LedgerOperation.append(
                pullAttempt(id),
                drop: DropRegistration(
                    id: id, content: .incoming(StagingLayout.pulledFile(id)),
                    repeatKey: Array(id.utf8) + [UInt8](repeating: 0, count: 6), eventKey: nil,
                    keepsRepeats: true, settle: DropRegistration.held, readyPath: { _ in "sftp/vsee/\(id)" }))
        }
        try commit(operations, in: gate)
        return ids
    }

    private func seqs(_ ids: ArraySlice<String>, in gate: TestGate) throws -> [Int64] {
        let reader = try gate.openReader()
        return try ids.compactMap { id in try reader.drop(id: id)?.seq }
    }

    /// As of held drops that the other gate has no more.
    private func withdraw(_ ids: [String], in gate: TestGate) throws {
        let kind = DropChange.Kind.withdrawn(incoming: "incoming/q", mayComeAgain: true)
        let changes = ids.map { id in
            LedgerOperation.change(pullAttempt(id), DropChange(id: id, from: .pending, kind: kind))
        }
        try commit(changes + ids.map { LedgerOperation.quarantined(id: $0) }, in: gate)
    }
}
