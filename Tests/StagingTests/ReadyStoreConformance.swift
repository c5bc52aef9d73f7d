// What every store of released drops must do, wherever it keeps them. A new one joins by a line in `all`.
import Foundation
import Staging
import Support
import Testing

/// Opens a staging area whose released drops are in one kind of store; opening twice in turn finds the same drops.
struct ReadyStoreMaker: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let open: @Sendable (TemporaryDirectory) throws -> StagingArea

    static let all = [ReadyStoreMaker(testDescription: "local directory") { try StagingArea(path: $0.path) }]
}

@Suite struct ReadyStoreConformance {
    private let home: TemporaryDirectory
    private static let day = "webhook/2026-11-23"
    private static let now = "2026-11-23T09:04:00Z"

    init() throws { home = try TemporaryDirectory("ready") }

    private static func drop(_ number: Int64) -> String {
        DropID.make(milliseconds: 1_795_424_580_000 + number)
    }

    private static func receipt(_ drop: String, bytes: Int64 = 5) -> Receipt {
        Receipt(
            drop: drop, channel: "sftp", name: "a.csv", file: "", bytes: bytes,
            received: "2026-11-23T09:03:00Z")
    }

    /// A whole file of an account that waits to be released.
    private func staged(_ area: StagingArea, _ name: String, _ text: String = "hello") throws -> StagedFile {
        let directory = try area.uploads(of: "acme")
        try directory.createFile(name).write(Array(text.utf8))
        return StagedFile(name, in: directory)
    }

    private func text(_ store: any ReadyStore, _ path: String) throws -> String {
        String(decoding: try store.openReleased(path).contents(limit: 100), as: UTF8.self)
    }

    private static func events(_ bodies: [String]) -> [WebhookRelease] {
        bodies.enumerated().map { number, body in
            let id = drop(Int64(number))
            return WebhookRelease(
                readyPath: "\(day)/0815\(number)-x-\(id).json", body: Array(body.utf8),
                receipt: receipt(id, bytes: Int64(body.utf8.count)))
        }
    }

    private static func code(_ body: () throws -> Void) -> StagingError.Code? {
        do { try body() } catch { return (error as? StagingError)?.code }
        return nil
    }

    // MARK: Names

    @Test(arguments: ReadyStoreMaker.all)
    func aNameThatIsTakenBecomesALaterVersion(maker: ReadyStoreMaker) throws {
        let area = try maker.open(home)
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a.csv")
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a~2.csv")
        area.ready.cancelReservation("sftp/acme/a.csv")
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a.csv")
        area.ready.reserve(exactly: "sftp/acme/b.csv")
        #expect(try area.ready.reserve("sftp/acme/b.csv") == "sftp/acme/b~2.csv")
        #expect(Self.code { _ = try area.ready.reserve("sftp/../a") } == .badPath)
    }

    @Test(arguments: ReadyStoreMaker.all)
    func aReservationEndsWithItsReleaseAndTheFileHoldsTheNameThen(maker: ReadyStoreMaker) throws {
        let area = try maker.open(home)
        let path = try area.ready.reserve("sftp/acme/a.csv")
        try area.ready.release(
            staged(area, "1"), readyPath: path, receipt: Self.receipt(Self.drop(1)), now: Self.now)
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a~2.csv")
        #expect(try area.ready.removeReleased(path))
        #expect(try area.ready.reserve("sftp/acme/a.csv") == path)
    }

    // MARK: Uploads

    @Test(arguments: ReadyStoreMaker.all)
    func aReleasedUploadIsThereOnceWithItsReceiptAlsoAfterOpeningAgain(maker: ReadyStoreMaker) throws {
        let drop = Self.drop(1)
        do {
            let area = try maker.open(home)
            let file = try staged(area, "1")
            try area.ready.release(
                file, readyPath: "sftp/acme/d/a.csv", receipt: Self.receipt(drop), now: Self.now)
            try area.ready.sync()
            #expect(try file.directory.status("1") == nil)
        }
        let ready = try maker.open(home).ready
        try ready.recover()
        #expect(try ready.released(below: "sftp/acme/") == ["sftp/acme/d/a.csv"])
        #expect(try text(ready, "sftp/acme/d/a.csv") == "hello")
        #expect(try ready.openReleased("sftp/acme/d/a.csv").size() == 5)
        let receipt = try #require(try ready.receipt(drop))
        #expect(receipt.file == "ready/sftp/acme/d/a.csv" && receipt.released == Self.now)
    }

    @Test(arguments: ReadyStoreMaker.all)
    func whereSomethingLiesNothingIsReleased(maker: ReadyStoreMaker) throws {
        let area = try maker.open(home)
        let path = "sftp/acme/a.csv"
        try area.ready.release(
            staged(area, "1"), readyPath: path, receipt: Self.receipt(Self.drop(1)), now: Self.now)
        let second = try staged(area, "2", "other")
        let code = Self.code {
            try area.ready.release(
                second, readyPath: path, receipt: Self.receipt(Self.drop(2)), now: Self.now)
        }
        #expect(code == .exists)
        #expect(try text(area.ready, path) == "hello" && second.directory.status("2") != nil)
        #expect(try !area.ready.hasReceipt(Self.drop(2)))
    }

    @Test(arguments: ReadyStoreMaker.all)
    func aFileThatIsGoneIsSaidToBe(maker: ReadyStoreMaker) throws {
        let area = try maker.open(home)
        let gone = StagedFile("none", in: try area.uploads(of: "acme"))
        let code = Self.code {
            try area.ready.release(
                gone, readyPath: "sftp/acme/a", receipt: Self.receipt(Self.drop(1)), now: Self.now)
        }
        #expect(code == .notFound)
        #expect(try !area.ready.hasReceipt(Self.drop(1)) && !area.ready.isOccupied("sftp/acme/a"))
    }

    @Test(
        arguments: ReadyStoreMaker.all,
        ["", "/sftp/a", "sftp//a", "sftp/../a", "sftp/.", "sftp/a/", "sftp/a\0b"])
    func nothingLeavesTheStoreByItsPath(maker: ReadyStoreMaker, path: String) throws {
        let area = try maker.open(home)
        let file = try staged(area, "1")
        let code = Self.code {
            try area.ready.release(file, readyPath: path, receipt: Self.receipt(Self.drop(1)), now: Self.now)
        }
        #expect(code == .badPath)
        #expect(Self.code { _ = try area.ready.openReleased(path) } == .badPath)
        #expect(try !area.ready.stillHolds(path) && !area.ready.removeReleased(path))
        #expect(try file.directory.status("1") != nil)
    }

    @Test(arguments: ReadyStoreMaker.all)
    func aFileIsTakenBackAndPutBackWhole(maker: ReadyStoreMaker) throws {
        let area = try maker.open(home)
        let path = "sftp/acme/d/a.csv"
        let back = StagedFile("back", in: try area.uploads(of: "acme"))
        #expect(try !area.ready.takeBack(path, bytes: 5, to: back), "nothing lies there")
        try area.ready.release(
            staged(area, "1"), readyPath: path, receipt: Self.receipt(Self.drop(1)), now: Self.now)
        #expect(try !area.ready.takeBack(path, bytes: 6, to: back), "it is of another length")
        #expect(try area.ready.takeBack(path, bytes: 5, to: back))
        #expect(try !area.ready.isOccupied(path) && back.directory.status("back")?.bytes == 5)
        #expect(try !area.ready.takeBack(path, bytes: 5, to: back), "its consumer, or the gate, has it")
        try area.ready.putBack(back, to: path)
        #expect(try text(area.ready, path) == "hello" && back.directory.status("back") == nil)
    }

    // MARK: Events

    @Test(arguments: ReadyStoreMaker.all)
    func eachEventIsAFileWithItsReceipt(maker: ReadyStoreMaker) throws {
        let events = Self.events(["{}", "{\"a\":1}", ""])
        do {
            let area = try maker.open(home)
            let released = try area.ready.release(events, now: Self.now)
            #expect(released.map(\.id) == events.map(\.receipt.drop))
            #expect(released.map(\.readyPath) == events.map(\.readyPath))
            #expect(try area.ready.release([], now: Self.now).isEmpty)
        }
        let ready = try maker.open(home).ready
        try ready.recover()
        #expect(try ready.released(below: Self.day + "/").sorted() == events.map(\.readyPath).sorted())
        for event in events {
            #expect(try ready.openReleased(event.readyPath).contents(limit: 100) == event.body)
            let receipt = try #require(try ready.receipt(event.receipt.drop))
            #expect(
                receipt.file == "ready/" + event.readyPath && receipt.released == Self.now
                    && receipt.line == nil)
        }
    }

    @Test(arguments: ReadyStoreMaker.all)
    func eventsTogetherAreLinesOfOneFile(maker: ReadyStoreMaker) throws {
        let events = Self.events(["{}", "\u{0}\n", "ä"])
        let ready = try maker.open(home).ready
        let released = try ready.releaseTogether(events, now: Self.now)
        let paths = Set(released.map(\.readyPath))
        #expect(released.map(\.id) == events.map(\.receipt.drop) && paths.count == 1)
        let path = try #require(paths.first)
        #expect(path.hasPrefix(Self.day + "/") && path.hasSuffix(".ndjson"))
        let lines = try ready.openReleased(path).contents(limit: 10_000).split(separator: 0x0A)
        #expect(lines.count == events.count)
        for (number, (line, event)) in zip(lines, events).enumerated() {
            let read = try BatchLine(parsing: line)
            #expect(read.bytes == event.body && read.receipt.line == number + 1)
            #expect(try ready.receipt(event.receipt.drop, at: path) == read.receipt)
        }
    }

    @Test(arguments: ReadyStoreMaker.all)
    func manyEventsLieInADirectoryOfTheirOwnWithOneFileOfReceipts(maker: ReadyStoreMaker) throws {
        let events = Self.events((0..<40).map { "{\"n\":\($0)}" })
        let ready = try maker.open(home).ready
        let released = try ready.release(events, now: Self.now)
        let batch = try #require(BatchName(first: events[0].receipt.drop, readyPath: events[0].readyPath))
        #expect(released.map(\.id) == events.map(\.receipt.drop))
        #expect(released.map(\.readyPath) == events.map { batch.filePath($0.readyPath) })
        let receipts = try #require(try ready.receipts(of: batch))
        for (event, drop) in zip(events, released) {
            #expect(try ready.openReleased(drop.readyPath).contents(limit: 100) == event.body)
            let receipt = try #require(try ready.receipt(drop.id, at: drop.readyPath))
            #expect(
                receipt == receipts[drop.id] && receipt.file == "ready/" + drop.readyPath
                    && receipt.line == nil)
            #expect(try ready.hasReceipt(drop.id, at: drop.readyPath) && !ready.hasReceipt(drop.id))
        }
        ready.removeEmptyDirectory(Self.day)
        try ready.removeEmptyBatches()
        #expect(try ready.released(below: Self.day + "/").count == 40, "only empty directories go")
        for drop in released { try ready.removeReleased(drop.readyPath) }
        try ready.removeEmptyBatches()
        ready.removeEmptyDirectory(Self.day)
        #expect(try !ready.isOccupied(Self.day))
        try ready.removeReceipts(of: batch)
        #expect(
            try ready.receipts(of: batch) == nil
                && ready.receipt(released[0].id, at: released[0].readyPath) == nil)
    }

    @Test(arguments: ReadyStoreMaker.all)
    func aBatchHoldsEventsOfOneDay(maker: ReadyStoreMaker) throws {
        var events = Self.events((0..<40).map { "\($0)" })
        for index in 20..<40 {
            let path = events[index].readyPath.replacing("2026-11-23", with: "2026-11-24")
            events[index] = WebhookRelease(
                readyPath: path, body: events[index].body, receipt: events[index].receipt)
        }
        let ready = try maker.open(home).ready
        let released = try ready.release(events, now: Self.now)
        #expect(released.allSatisfy { drop in events.contains { $0.receipt.drop == drop.id } })
        #expect(try ready.released(below: "webhook/2026-11-24/").count == 20)
        #expect(try ready.releaseTogether(Array(events[18...]), now: Self.now).map(\.readyPath).count == 22)
    }

    @Test(arguments: ReadyStoreMaker.all)
    func eventsThatWereReleasedBeforeKeepTheirPlace(maker: ReadyStoreMaker) throws {
        let ready = try maker.open(home).ready
        let first = Self.events(["first"])[0]
        _ = try ready.release([first], now: Self.now)
        let second = WebhookRelease(
            readyPath: first.readyPath, body: Array("second".utf8), receipt: first.receipt)
        _ = try ready.release([second], now: Self.now)
        #expect(try text(ready, first.readyPath) == "first")
    }

    // MARK: Receipts

    @Test(arguments: ReadyStoreMaker.all)
    func aReceiptIsReplacedDatedAndRemoved(maker: ReadyStoreMaker) throws {
        let ready = try maker.open(home).ready
        let drop = Self.drop(1)
        #expect(try ready.receipt(drop) == nil && !ready.hasReceipt(drop))
        try ready.date(drop, modified: "2026-01-01T00:00:00Z")
        #expect(try !ready.hasReceipt(drop), "where there is none, none is made")
        try ready.install(Self.receipt(drop), readyPath: "sftp/acme/a", now: Self.now)
        try ready.install(Self.receipt(drop), readyPath: "sftp/acme/b", now: Self.now)
        try ready.date(drop, modified: "2026-01-01T00:00:00Z")
        let read = try #require(try ready.receipt(drop))
        #expect(read.file == "ready/sftp/acme/b" && read.modified == "2026-01-01T00:00:00Z")
        try ready.removeReceipt(drop)
        try ready.removeReceipt(drop)
        #expect(try ready.receipt(drop) == nil)
    }

    @Test(arguments: ReadyStoreMaker.all, ["", "../x", "a/b", "nonsense"])
    func whatIsNoDropHasNoReceipt(maker: ReadyStoreMaker, id: String) throws {
        let ready = try maker.open(home).ready
        #expect(try ready.receipt(id) == nil && !ready.hasReceipt(id))
    }

    // MARK: What lies there

    @Test(arguments: ReadyStoreMaker.all)
    func whatLiesBelowAPathIsListedAndRemovedOneByOne(maker: ReadyStoreMaker) throws {
        let area = try maker.open(home)
        let paths = ["sftp/acme/a", "sftp/acme/d/b", "sftp/acme/d/e/c", "sftp/other/a"]
        for (number, path) in paths.enumerated() {
            try area.ready.release(
                staged(area, "\(number)"), readyPath: path, receipt: Self.receipt(Self.drop(Int64(number))),
                now: Self.now)
        }
        #expect(try area.ready.released(below: "sftp/acme/").sorted() == Array(paths.prefix(3)))
        #expect(try area.ready.released(below: "sftp/none/").isEmpty)
        #expect(try area.ready.isOccupied("sftp/acme/d/b") && !area.ready.isOccupied("sftp/acme/d/none"))
        #expect(try !area.ready.stillHolds("sftp/acme/a/below-a-file"))
        #expect(
            try area.ready.removeReleased("sftp/acme/d/e/c") && !area.ready.removeReleased("sftp/acme/d/e/c"))
        area.ready.removeEmptyDirectories(["sftp/acme/d", "sftp/acme/d/e"])
        #expect(try area.ready.released(below: "sftp/acme/").sorted() == ["sftp/acme/a", "sftp/acme/d/b"])
        #expect(try area.ready.isOccupied("sftp/acme/d"), "it is not empty")
    }

    /// Whoever has put it there.
    @Test(arguments: ReadyStoreMaker.all)
    func allThatLiesThereIsFound(maker: ReadyStoreMaker) throws {
        let area = try maker.open(home)
        #expect(try Self.found(area).isEmpty)
        try area.ready.release(
            staged(area, "1"), readyPath: "sftp/acme/a", receipt: Self.receipt(Self.drop(1)), now: Self.now)
        let ready = home.path + "/ready/"
        symlink("/etc", ready + "sftp/acme/directory")
        symlink("a", ready + "sftp/acme/file")
        mkfifo(ready + "pipe", 0o600)
        mkdir(ready + "empty", 0o700)
        // Deeper than anything of the gate's.
        let deepest = Array(repeating: "d", count: 2 + DropPath.deepest + 1).joined(separator: "/")
        try FileManager.default.createDirectory(
            atPath: ready + deepest + "/below", withIntermediateDirectories: true)
        close(open(Array((ready + "no").utf8CString.dropLast()) + [-1, 0], O_CREAT | O_WRONLY, 0o600))
        let found = try Self.found(area)
        #expect(
            found == [
                "other \(deepest)", "other no\u{FFFD}", "other pipe", "other sftp/acme/directory",
                "other sftp/acme/file",
                "regularFile sftp/acme/a",
            ])
        #expect(try area.ready.released(below: "").sorted() == ["sftp/acme/a"])
        #expect(throws: CancellationError.self, "what the caller throws ends it") {
            try area.ready.forEachFound(below: "sftp/") { _ in throw CancellationError() }
        }
    }

    private static func found(_ area: StagingArea) throws -> [String] {
        var found: [String] = []
        try area.ready.forEachFound(below: "") { found.append("\($0.kind) \($0.path)") }
        return found.sorted()
    }
}
