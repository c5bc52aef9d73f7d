// Rounds of `dropgate pull` for which a test plays the other gate. This one is the inside of a gate that runs.
import Admission
import Foundation
import Ledger
import Management
import Settings
import Staging
import Synchronization
import TLS
import Testing

@testable import Intake
@testable import Pull
@testable import Reachability

@Suite(.timeLimit(.minutes(1))) struct PullRoundTests {
    private static let origin = "sftp://inner@gate-2:2222"
    private static let hostKey = "SHA256:host"

    private static func receipt(_ drop: String, _ text: String = "data", name: String = "a.xml") -> Receipt {
        let bytes = Array(text.utf8)
        var receipt = Receipt(
            drop: drop, channel: "sftp", name: name, file: "ready/sftp/vsee/\(name)",
            bytes: Int64(bytes.count), received: "2026-11-23T08:15:30.123456Z")
        receipt.source = "20.21.208.105"
        receipt.account = "vsee"
        receipt.sha256 = SHA256.hash(data: bytes).hex
        return receipt
    }

    /// This gate, and what a round needs of it.
    private struct Here {
        let gate: TestGate
        let intake: Intake
        let settings: GateSettings
        let authority: LocalAuthority

        init() throws {
            gate = try TestGate.plain()
            intake = try gate.openIntake()
            settings = try SettingsLoader.load(file: gate.config)
            let signer = intake.checkpointSigner(
                key: try NoteSigner(name: "test"),
                archive: CheckpointFile(directory: gate.path("state/checkpoints")))
            authority = LocalAuthority(settings, intake: intake, signing: signer)
        }

        func part(_ drop: String) -> String { "state/staging/incoming/pull/\(drop).part" }

        func ready(_ name: String) -> String? { try? gate.read("state/staging/ready/sftp/vsee/\(name)") }

        /// As a round does that is cut off before it acknowledges the drop.
        func hold(_ drop: String, name: String = "a.xml") async throws {
            try gate.write(part(drop), "data")
            let pulled = try PulledDrop(
                PullRoundTests.receipt(drop, name: name), origin: PullRoundTests.origin,
                hostKey: PullRoundTests.hostKey, peer: nil)
            #expect(try await intake.importDrop(pulled).status == .held)
        }

        func round(_ other: PlayedGate, _ ledger: LedgerVisits? = nil) -> PullRound {
            PullRound(
                settings: settings, from: PullOrigin(other, description: PullRoundTests.origin), by: .current,
                ledger: ledger ?? LedgerVisits(open: { [authority] in authority }),
                progress: { _, _ in })
        }
    }

    /// Another gate: what waits there, and what a round has asked of it.
    private final class PlayedGate: OtherGate {
        private struct State {
            /// What comes in place of the list, or of a receipt.
            var failedList: SFTPError?
            var failedReceipt: SFTPError?
            var receipts: [String: RemoteReceipt] = [:]
            var contents: [String: String] = [:]
            var fetched: [String] = []
            var acknowledged: [String] = []
        }

        private let state = Mutex(State())
        private let peer: RemoteGate.Peer

        init() throws {
            peer = RemoteGate.Peer(ip: try IPAddress("10.0.0.9"), hostKey: PullRoundTests.hostKey)
        }

        var fetched: [String] { state.withLock { $0.fetched } }
        var acknowledged: [String] { state.withLock { $0.acknowledged } }

        func fail(list: SFTPError? = nil, receipt: SFTPError? = nil) {
            state.withLock { state in
                state.failedList = list
                state.failedReceipt = receipt
            }
        }

        func offer(_ drop: String, _ text: String) throws {
            let receipt = try RemoteReceipt(PullRoundTests.receipt(drop, text).encoded(), id: drop)
            state.withLock { state in
                state.receipts[drop] = receipt
                state.contents[drop] = text
            }
        }

        func open() async throws -> RemoteGate.Peer { peer }
        func close() async {}

        func waiting() async throws -> [String] {
            if let error = state.withLock({ $0.failedList }) { throw error }
            return state.withLock { $0.receipts.keys.sorted() }
        }

        func receipt(of id: String) async throws -> RemoteReceipt {
            if let error = state.withLock({ $0.failedReceipt }) { throw error }
            guard let receipt = state.withLock({ $0.receipts[id] }) else {
                throw PullError(.gone, "drop \(id) is not there")
            }
            return receipt
        }

        func acknowledge(_ id: String) async throws -> Bool {
            state.withLock { state -> Bool in
                state.acknowledged.append(id)
                return state.receipts.removeValue(forKey: id) != nil
            }
        }

        func fate(of id: String) async throws -> DropFate { .gone("withdrawn") }

        func fetch(_ remote: RemoteReceipt, into directory: Directory, reserve: Int64) async throws {
            let id = remote.receipt.drop
            let text = state.withLock { state -> String in
                state.fetched.append(id)
                return state.contents[id] ?? ""
            }
            try Data(text.utf8).write(to: URL(filePath: "\(directory.path)/\(id).part"))
        }
    }

    // MARK: Held here, and waiting there

    /// A round that finds a held drop offered once more.
    /// - Parameter left: what lies here of it; it had 4 bytes, "data".
    private func pulledAgain(
        left: String, offered: String
    ) async throws -> (here: Here, drop: String, other: PlayedGate, summary: PullSummary) {
        let (here, other, drop) = try (Here(), PlayedGate(), DropID.make(milliseconds: 7))
        try await here.hold(drop)
        try here.gate.write(here.part(drop), left)
        try other.offer(drop, offered)
        return (here, drop, other, try await here.round(other).run())
    }

    /// What lies here may be the only copy of what was accepted, and a person may release it all the same.
    @Test(arguments: ["data", "da"])
    func otherContentUnderTheIDOfAHeldDropCutsNothingOfIt(left: String) async throws {
        let (here, drop, other, summary) = try await pulledAgain(left: left, offered: "something else")
        #expect(summary.failures.map { $0.drop } == [drop])
        #expect(summary.failures.first?.why.contains("a different one under its id: 14 bytes") == true)
        #expect(summary.pulled == 0 && summary.known == 0)
        #expect(other.fetched.isEmpty && other.acknowledged.isEmpty)
        #expect(try here.gate.read(here.part(drop)) == left)
        #expect(try here.intake.standing(ofDrop: drop) == .held)
        if left == "data" {
            let decision = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
            #expect(try await here.intake.release(pulled: drop, as: decision) == .kept)
            #expect(here.ready("a.xml") == "data")
        }
        await here.intake.close()
    }

    @Test(arguments: ["data", "da"])
    func whatIsHeldIsFetchedAgainOnlyWhereItIsNotWhole(left: String) async throws {
        let (here, drop, other, summary) = try await pulledAgain(left: left, offered: "data")
        #expect(summary.failures.isEmpty && summary.pulled == 0 && summary.known == 1)
        #expect(other.fetched == (left == "data" ? [] : [drop]))
        #expect(other.acknowledged == [drop])
        #expect(here.ready("a.xml") == "data")
        await here.intake.close()
    }

    /// An acknowledgement lets the other gate remove its copy.
    @Test(arguments: ["data", "something else"])
    func whatIsReleasedHereIsAcknowledgedThereOnlyWhereItIsTheSame(text: String) async throws {
        let here = try Here()
        let drop = DropID.make(milliseconds: 7)
        try await here.hold(drop)
        #expect(try await here.intake.release(pulled: drop) == .kept)
        await here.intake.waitUntilStaged()
        let other = try PlayedGate()
        try other.offer(drop, text)
        let summary = try await here.round(other).run()
        let isSame = text == "data"
        #expect(other.acknowledged == (isSame ? [drop] : []) && other.fetched.isEmpty)
        #expect(summary.known == (isSame ? 1 : 0) && summary.failures.count == (isSame ? 0 : 1))
        #expect(here.ready("a.xml") == "data")
        await here.intake.close()
    }

    // MARK: No place

    @Test(arguments: [false, true])
    func itIsWorthAnotherTryWhereAllThatFailedFoundNoPlace(isMore: Bool) async throws {
        let (here, other) = try (Here(), PlayedGate())
        let (first, second) = (DropID.make(milliseconds: 1), DropID.make(milliseconds: 2))
        if isMore {
            // No other try mends that.
            try await here.hold(second, name: "b.xml")
            try other.offer(second, "something else")
        }
        let place = here.gate.path("state/staging/ready/sftp/vsee")
        try FileManager.default.createDirectory(
            atPath: here.gate.path("state/staging/ready/sftp"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: place, withDestinationPath: here.gate.path("elsewhere"))
        try other.offer(first, "data")
        let summary = try await here.round(other).run()
        #expect(summary.failures.map { $0.drop } == (isMore ? [first, second] : [first]))
        #expect(summary.failures.map { $0.mayComeLater } == (isMore ? [true, false] : [true]))
        #expect(summary.mayAllComeLater == !isMore && other.acknowledged.isEmpty)
        try FileManager.default.removeItem(atPath: place)
        let next = try await here.round(other).run()
        #expect(next.pulled == 1 && next.mayAllComeLater == false)
        #expect(here.ready("a.xml") == "data")
        await here.intake.close()
    }

    // MARK: Lost connections

    private static let silent = SFTPError.connection(.timedOut)

    /// What a round that does not end well says.
    private func failure(_ here: Here, _ other: PlayedGate) async throws -> String {
        let error = try await #require(throws: ManagementError.self) { try await here.round(other).run() }
        #expect(error.code == .refused && error.message.hasPrefix("\(Self.origin): "))
        return error.description
    }

    /// Nothing was begun that a next pull could go on with.
    @Test func aListThatDoesNotComeIsSaidToBeMissing() async throws {
        let (here, other) = try (Here(), PlayedGate())
        other.fail(list: Self.silent)
        var said = try await failure(here, other)
        #expect(said.contains("the list of its drops did not come: the time was over"))
        #expect(said.hasSuffix("; a longer --timeout may help"))
        other.fail(list: .ended("bye"))
        said = try await failure(here, other)
        #expect(said.hasSuffix("did not come: the server ended the session: bye; the next pull asks again"))
        await here.intake.close()
    }

    @Test func aConnectionThatIsLostAtADropIsGoneOnWith() async throws {
        let (here, other) = try (Here(), PlayedGate())
        try other.offer(DropID.make(milliseconds: 7), "data")
        other.fail(receipt: Self.silent)
        var said = try await failure(here, other)
        #expect(said.contains("the connection was lost: the time was over"))
        #expect(said.hasSuffix("; the next pull continues where it stopped; a longer --timeout may help"))
        other.fail(receipt: .ended("bye"))
        said = try await failure(here, other)
        #expect(said.hasSuffix("the server ended the session: bye; the next pull continues where it stopped"))
        await here.intake.close()
    }

    // MARK: Decisions

    @Test func aDropOnWhichSomebodyElseDecidesKeepsNoOtherFromItsTurn() async throws {
        let here = try Here()
        let (first, second) = (DropID.make(milliseconds: 1), DropID.make(milliseconds: 2))
        try await here.hold(first)
        try await here.hold(second, name: "b.xml")
        let other = try PlayedGate()
        #expect(here.intake.takeInHand(first))
        let summary = try await here.round(other).run()
        #expect(summary.withdrawn == [second])
        #expect(summary.failures.map { $0.drop } == [first])
        #expect(summary.failures.first?.why.contains("somebody else was deciding on the drop") == true)
        here.intake.letGo(first)
        let next = try await here.round(other).run()
        #expect(next.withdrawn == [first] && next.failures.isEmpty)
        await here.intake.close()
        for drop in [first, second] { #expect(try here.intake.drop(id: drop)?.state == .withdrawn) }
    }

    /// A clock that is so much later at each look, and the visits that are made by it.
    private final class Visits: Sendable {
        private struct State {
            var time = ContinuousClock.now
            var count = 0
        }

        private let state = Mutex(State())
        private let step: Duration

        init(step: Duration) { self.step = step }

        var count: Int { state.withLock { $0.count } }

        func over(_ authority: LocalAuthority) -> LedgerVisits {
            LedgerVisits(
                open: {
                    self.state.withLock { $0.count += 1 }
                    return authority
                }, now: { self.look() })
        }

        private func look() -> ContinuousClock.Instant {
            state.withLock { state -> ContinuousClock.Instant in
                let time = state.time
                state.time = time.advanced(by: step)
                return time
            }
        }
    }

    /// A gate that starts waits for the ledger for a second. The clock is looked at when a visit begins, and before each of its drops but
    /// the first.
    @Test(arguments: [(0, 1), (299, 3), (300, 5)] as [(Int, Int)])
    func aVisitBeginsNoReleaseAfter300Milliseconds(step: Int, count: Int) async throws {
        let here = try Here()
        let drops = (1...5).map { DropID.make(milliseconds: Int64($0)) }
        for drop in drops { try await here.hold(drop, name: "\(drop).xml") }
        let visits = Visits(step: .milliseconds(step))
        let round = here.round(try PlayedGate(), visits.over(here.authority))
        var released: [String] = []
        var summary = PullSummary()
        try await round.carryOut(
            drops.map { (drop: $0, decision: PullRound.Decision.release) }, &summary
        ) { drop, _ in released.append(drop) }
        #expect(released == drops && summary.failures.isEmpty)
        #expect(visits.count == count)
        for drop in drops { #expect(here.ready("\(drop).xml") == "data") }
        await here.intake.close()
    }
}
