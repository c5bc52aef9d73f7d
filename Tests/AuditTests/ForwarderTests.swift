// A forwarder's life over a target that the test plays: what it reports, how it ends, and where it goes on.
import Admission
import Blocking
import Foundation
import Ledger
import Logging
import Support
import Synchronization
import Testing

@testable import Audit

/// A target. What is sent is confirmed at once while it `takes`.
private final class Target: ForwardStream {
    enum Behaviour: Sendable { case takes, isAway(String), breaks, blocks, acknowledgesNothing }

    private struct State {
        var behaviour = Behaviour.takes
        var taken: [Int64] = []
        var confirmed: Int64?
    }

    private let state = Mutex(State())
    let opened = AsyncStream.makeStream(of: Void.self)

    func become(_ new: Behaviour) { state.withLock { $0.behaviour = new } }
    var taken: [Int64] { state.withLock { $0.taken } }

    func open() throws -> Target {
        opened.continuation.yield()
        if case .isAway(let words) = state.withLock({ $0.behaviour }) {
            throw ForwardError(description: words)
        }
        state.withLock { $0.confirmed = nil }
        return self
    }

    func send(_ records: [ForwardRecord]) async throws {
        switch state.withLock({ $0.behaviour }) {
        case .breaks: throw ForwardError(confirmed: nil, description: "it broke off")
        case .blocks: try await untilCancelled()
        case .acknowledgesNothing: state.withLock { $0.taken += records.map(\.seq) }
        case .takes, .isAway:
            state.withLock {
                $0.taken += records.map(\.seq)
                $0.confirmed = records.last?.seq
            }
        }
    }

    func confirmed() async throws -> Int64? { state.withLock { $0.confirmed } }
    var hasRoom: Bool { true }
    func close() async {}
}

@Suite(.timeLimit(.minutes(1))) struct ForwarderTests {
    private let directory: TemporaryDirectory
    private let store: any LedgerStore
    private let target = Target()
    private let reports = AsyncStream.makeStream(of: String?.self)

    init() throws {
        directory = try TemporaryDirectory("forwarder")
        store = try LedgerHandle(file: directory.file("ledger.sqlite")).open(node: "t")
        try append(1)
        try ForwardCursor(target: "the target", seq: 0).write(directory.file("cursor.json"))
    }

    private func append(_ count: Int) throws {
        for _ in 0..<count {
            let attempt = Attempt(
                kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
            _ = try store.commit([.append(attempt, drop: nil)], now: .now())
        }
    }

    private func forwarder() throws -> Forwarder {
        let (target, reports) = (target, reports.continuation)
        return Forwarder(
            name: "test", target: "the target",
            reader: try LedgerHandle(file: directory.file("ledger.sqlite")).reader(),
            cursorFile: directory.file("cursor.json"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            report: { reports.yield($0) }, render: { $0.json }, open: { _ in try target.open() })
    }

    private func position() throws -> Int64? {
        try ForwardCursor.read(directory.file("cursor.json"), target: "the target")?.seq
    }

    /// Runs `body` beside a forwarder that runs, once that has opened its target.
    private func running(_ forwarder: Forwarder, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await forwarder.run() }
            for await _ in target.opened.stream { break }
            try await body()
        }
    }

    @Test func whatWasCommittedBeforeTheStopGetsThrough() async throws {
        let forwarder = try forwarder()
        try await running(forwarder) {
            try append(600)
            await forwarder.finish()
            #expect(target.taken == Array(1...600))
            #expect(forwarder.waiting == 0 && forwarder.waitingSince == nil)
        }
        #expect(try position() == 600)
    }

    @Test func aNewTargetGetsTheLedgerFromItsFirstEntryOn() async throws {
        try FileManager.default.removeItem(atPath: directory.file("cursor.json"))
        try append(2)
        let forwarder = try forwarder()
        try await running(forwarder) {
            await forwarder.finish()
            #expect(target.taken == [0, 1, 2])
        }
    }

    /// As after a restore of an older ledger, and after a change of `ledger.path`.
    @Test(arguments: [true, false])
    func aPositionOfAnotherLedgerIsNoPosition(isLonger: Bool) async throws {
        try append(3)
        let forwarder = try forwarder()
        try await running(forwarder) { await forwarder.finish() }
        #expect(target.taken == [1, 2, 3])
        let path = directory.file("cursor.json")
        var cursor = try #require(try ForwardCursor.read(path, target: "the target"))
        #expect(cursor.seq == 3 && cursor.leaf != nil)
        if isLonger { cursor.seq = 10 } else { cursor.leaf = MerkleHash.leaf([1]).base64 }
        try cursor.write(path)
        let next = try self.forwarder()
        try await running(next) {
            await next.finish()
            #expect(next.waiting == 0)
        }
        #expect(target.taken == [1, 2, 3, 0, 1, 2, 3])
        let again = try self.forwarder()
        try await running(again) { await again.finish() }
        #expect(target.taken.count == 7, "its own position is good")
    }

    @Test func aTargetThatIsAwayIsReportedAndNotWaitedForAtTheStop() async throws {
        target.become(.isAway("nobody listens there"))
        try append(3)
        let forwarder = try forwarder()
        try await running(forwarder) {
            let report = try #require(await reports.stream.first { _ in true } ?? nil)
            #expect(report.contains("the target") && report.contains("nobody listens there"))
            #expect(forwarder.waiting == 3)
            #expect(try #require(forwarder.waitingSince) <= .now())
            let state = forwarder.state
            #expect(state.isFailing && state.waiting == 3 && state.confirmed == 0 && state.lastSuccess == nil)
            #expect(state.lastError == "nobody listens there" && state.lastErrorTime != nil)
            await forwarder.finish()
        }
        #expect(try position() == 0)
    }

    @Test func theReportIsTakenBackOnceSomethingGetsThrough() async throws {
        target.become(.breaks)
        try append(2)
        let forwarder = try forwarder()
        try await running(forwarder) {
            var reports = reports.stream.makeAsyncIterator()
            #expect(try #require(await reports.next() ?? nil).contains("it broke off"))
            target.become(.takes)
            while let report = try #require(await reports.next()) { #expect(report.contains("broke off")) }
            #expect(target.taken == [1, 2])
            let state = forwarder.state
            #expect(!state.isFailing && state.lastSuccess != nil)
            #expect(state.lastError == "it broke off", "what failed last stays to be seen")
        }
    }

    @Test(arguments: [false, true])
    func aTargetThatTakesNothingIsLeftAtTheEndOfTheBoundAndGetsAllAfterTheNextStart(blocks: Bool) async throws
    {
        target.become(blocks ? .blocks : .acknowledgesNothing)
        try append(5)
        let forwarder = try forwarder()
        let start = ContinuousClock.now
        try await running(forwarder) {
            try? await within(.milliseconds(300)) { await forwarder.finish() }
        }
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(try position() == 0)

        target.become(.takes)
        let before = target.taken.count
        let next = try self.forwarder()
        try await running(next) { await next.finish() }
        #expect(Array(target.taken.dropFirst(before)) == [1, 2, 3, 4, 5])
    }

    @Test func whatATargetSaysOfItselfIsBoundedAndOnOneLine() async throws {
        target.become(.isAway(String(repeating: "no\n\u{1B}[31m", count: 1000)))
        let forwarder = try forwarder()
        try await running(forwarder) {
            let report = try #require(await reports.stream.first { _ in true } ?? nil)
            let error = try #require(forwarder.state.lastError)
            for text in [report, error] {
                #expect(!text.contains("\n") && !text.contains("\u{1B}") && text.count < 8192)
            }
        }
    }

    @Test func aForwarderThatNeverRanEndsAtOnce() async throws { await (try forwarder()).finish() }
}
