// When accepted uploads are released, and how much room they are given before.
import Admission
import Ledger
import Staging
import Support
import Synchronization
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct SettlerTests {
    private struct Release: Equatable {
        var account: String
        var drops: [String]
    }

    /// A clock that stands still until it is moved on.
    private final class Clock: Sendable {
        private let microseconds = Mutex<Int64>(1_795_424_580_000_000)
        var now: Instant { Instant(microseconds: microseconds.withLock { $0 }) }
        func advance(hours: Int64) { microseconds.withLock { $0 += hours * 3_600_000_000 } }
        func inHours(_ hours: Int64) -> Instant {
            Instant(microseconds: now.microseconds + hours * 3_600_000_000)
        }
    }

    private let clock: Clock
    private let settler: Settler
    private let releases: AsyncStream<Release>
    private let continuation: AsyncStream<Release>.Continuation

    init() {
        let clock = Clock()
        self.clock = clock
        settler = Settler { clock.now }
        (releases, continuation) = AsyncStream.makeStream(of: Release.self)
    }

    private func start() {
        settler.start { [continuation] account, drops in
            continuation.yield(Release(account: account, drops: drops))
        }
    }

    private func next(_ count: Int = 1) async -> [Release] {
        var found: [Release] = []
        for await release in releases.prefix(count) { found.append(release) }
        return found.sorted { $0.account < $1.account }
    }

    @Test func whatIsDueIsReleasedByAccount() async {
        for (drop, account) in [("3", "a"), ("1", "a"), ("2", "b")] {
            settler.schedule(drop, of: account, at: clock.now)
        }
        start()
        #expect(
            await next(2) == [Release(account: "a", drops: ["1", "3"]), Release(account: "b", drops: ["2"])])
    }

    @Test func whatIsDueSoonerDoesNotWaitForWhatIsDueLater() async {
        start()
        settler.schedule("late", of: "a", at: clock.inHours(2))
        settler.schedule("later", of: "a", at: clock.inHours(3))
        settler.schedule("now", of: "a", at: clock.now)
        #expect(await next() == [Release(account: "a", drops: ["now"])])
        clock.advance(hours: 2)
        settler.schedule("then", of: "a", at: clock.inHours(-1))
        #expect(await next() == [Release(account: "a", drops: ["late", "then"])])
    }

    @Test func aClockThatIsSetBackProlongsNothing() async {
        start()
        settler.schedule("a", of: "a", at: clock.now + .milliseconds(300))
        clock.advance(hours: -1)
        #expect(await next() == [Release(account: "a", drops: ["a"])])
    }

    @Test func whatIsForgottenIsNotReleased() async {
        settler.schedule("gone", of: "a", at: clock.now)
        settler.schedule("stays", of: "a", at: clock.now)
        settler.forget("gone")
        settler.forget("none")
        start()
        #expect(await next() == [Release(account: "a", drops: ["stays"])])
    }

    @Test func aNewTimeTakesThePlaceOfTheOldOne() async {
        settler.schedule("a", of: "a", at: clock.now)
        settler.schedule("a", of: "a", at: clock.inHours(5))
        settler.schedule("b", of: "a", at: clock.now)
        start()
        #expect(await next() == [Release(account: "a", drops: ["b"])])
        settler.schedule("a", of: "a", at: clock.now)
        #expect(await next() == [Release(account: "a", drops: ["a"])])
    }

    @Test func aRecordWithoutATimeIsDueAtOnce() async {
        var record = DropRecord(
            id: "a", seq: 1, state: .pending, incoming: nil, readyPath: "sftp/a/x", received: clock.now)
        settler.schedule(record, of: "a")
        record.id = "b"
        record.due = clock.inHours(1)
        settler.schedule(record, of: "a")
        start()
        #expect(await next() == [Release(account: "a", drops: ["a"])])
    }

    @Test func aReleaseMayBeScheduledFromWithinOne() async {
        settler.start { [settler, clock, continuation] account, drops in
            continuation.yield(Release(account: account, drops: drops))
            if drops == ["first"] { settler.schedule("second", of: account, at: clock.now) }
        }
        settler.schedule("first", of: "a", at: clock.now)
        #expect(await next() == [Release(account: "a", drops: ["first"])])
        #expect(await next() == [Release(account: "a", drops: ["second"])])
        settler.stop()
    }
}

/// The disk's own free space counts, which others change meanwhile: the sizes are far from it.
@Suite struct UploadSpaceTests {
    private let home: TemporaryDirectory
    private let directory: Directory
    private let most: Int64

    init() throws {
        home = try TemporaryDirectory("room")
        directory = try Directory(path: home.path)
        most = try directory.space().bytes / 10 * 6
    }

    private func uploadSpace(_ reserve: Int64 = 0, inodes: Int64 = 0) -> UploadSpace {
        UploadSpace(directory: directory, reserveBytes: reserve, reserveInodes: inodes)
    }

    /// What is missing for exactly so many bytes; nil: they were granted.
    private func missing(_ space: UploadSpace, _ bytes: Int64, _ drop: String) -> String? {
        switch space.take(bytes...bytes, for: drop) {
        case .success(let granted): granted == bytes ? nil : "\(granted) were granted"
        case .failure(let missing): missing.description
        }
    }

    @Test func whoWantsMuchGetsWhatThereIs() throws {
        let granted = try uploadSpace().take(1...Int64.max, for: "a").get()
        #expect(granted > most && granted < Int64.max)
    }

    @Test func whatIsPromisedToOneIsNotPromisedToAnother() {
        let space = uploadSpace()
        #expect(missing(space, most, "a") == nil)
        #expect(missing(space, most, "b")?.contains("\(most) of them promised") == true)
        #expect(missing(space, 1, "c") == nil)
        space.end("a")
        #expect(missing(space, most, "b") == nil)
    }

    @Test func whoAsksAgainHasWrittenWhatItWasGiven() {
        let space = uploadSpace()
        for _ in 0..<3 { #expect(missing(space, most, "a") == nil) }
    }

    @Test func whoIsRefusedHoldsNothing() {
        let space = uploadSpace()
        #expect(missing(space, most, "a") == nil)
        #expect(missing(space, most * 2, "a") != nil)
        #expect(missing(space, most, "b") == nil)
    }

    @Test func theReserveIsKeptBackWithASixteenth() {
        #expect(missing(uploadSpace(most), 1, "a") == nil)
        #expect(missing(uploadSpace(most / 6 * 10), 1, "a") != nil)
        #expect(missing(uploadSpace(most), most, "a")?.contains("\(most + most / 16) are kept back") == true)
    }

    @Test func inodesAreKeptBackToo() throws {
        let inodes = try directory.space().inodes
        guard inodes < Int64.max / 4 else { return }
        #expect(missing(uploadSpace(inodes: inodes / 2), 1, "a") == nil)
        #expect(missing(uploadSpace(inodes: inodes * 2), 1, "a")?.contains("inodes are free") == true)
    }
}
