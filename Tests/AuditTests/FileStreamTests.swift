// Entries to a file: what counts as stored, and what is written again after a sync that failed or a gate that was killed.
import Admission
import Foundation
import Ledger
import Logging
import Support
import Synchronization
import Testing

@testable import Audit

/// A disk whose syncs fail when told.
private final class Disk: Sendable {
    private let isBroken = Mutex(false)

    var fails: Bool {
        get { isBroken.withLock(\.self) }
        set { isBroken.withLock { $0 = newValue } }
    }

    func sync(_ descriptor: Int32) -> Int32 {
        guard fails else { return fdatasync(descriptor) }
        errno = EIO
        return -1
    }
}

/// What a stream tells people.
private final class Told: Sendable {
    private let list = Mutex<[String]>([])

    var words: [String] { list.withLock(\.self) }

    func add(_ words: String) { list.withLock { $0.append(words) } }
}

@Suite(.timeLimit(.minutes(1))) struct FileStreamTests {
    private let directory: TemporaryDirectory
    private let disk = Disk()
    private let told = Told()
    private var path: String { directory.file("entries.jsonl") }

    init() throws { directory = try TemporaryDirectory("file-stream") }

    private func open(_ cursor: ForwardCursor) throws -> FileStream {
        let (disk, told) = (disk, told)
        return try FileStream(
            path: path, cursor: cursor, sync: { disk.sync($0) }, tell: { told.add($0) })
    }

    /// The position after what a stream has confirmed.
    private func position(_ stream: FileStream) async throws -> ForwardCursor {
        var cursor = ForwardCursor(target: "t", seq: try await stream.confirmed() ?? -1)
        (cursor.inode, cursor.size) = (stream.mark.inode, stream.mark.size)
        return cursor
    }

    /// A stream that goes on behind entries 0 and 1, where other text stands already.
    private func open(over text: String) async throws -> FileStream {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        let cursor = try await position(first)
        try write(text, at: first.mark.size)
        return try open(cursor)
    }

    private static let beginning = ForwardCursor(target: "t", seq: -1)

    private static func records(_ seqs: ClosedRange<Int64>) -> [ForwardRecord] {
        seqs.map { ForwardRecord(seq: $0, bytes: Array("entry \($0)".utf8)) }
    }

    private static func text(_ seqs: ClosedRange<Int64>) -> String {
        seqs.map { "entry \($0)\n" }.joined(separator: "")
    }

    private func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// Into the file, around the stream.
    private func write(_ text: String, at offset: Int64) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    // MARK: A sync that fails

    @Test func afterASyncThatFailedNothingOfWhatWasWrittenCounts() async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        let mark = first.mark
        disk.fails = true
        let error = await #expect(throws: ForwardError.self) { try await first.send(Self.records(2...5)) }
        #expect(error?.confirmed == 1 && error?.description.contains("cannot sync \(path)") == true)
        #expect(first.mark == mark)

        let cursor = try await position(first)
        disk.fails = false
        let next = try open(cursor)
        #expect(try await next.confirmed() == 1, "that the next sync works proves nothing of them")
        #expect(next.mark == mark)
        try await next.send(Self.records(2...6))
        #expect(try await next.confirmed() == 6)
        #expect(try text() == Self.text(0...6), "each line once")
        #expect(next.mark.size == Int64(try text().utf8.count))
    }

    /// What the kernel calls clean may be on disk or not, and is dropped from memory at any time.
    @Test func whatGotLostAfterASyncThatFailedIsWrittenAgainInItsPlace() async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        disk.fails = true
        await #expect(throws: ForwardError.self) { try await first.send(Self.records(2...3)) }
        let cursor = try await position(first)
        let size = try text().utf8.count
        try write(String(repeating: "\0", count: size - Int(first.mark.size)), at: first.mark.size)
        disk.fails = false
        let next = try open(cursor)
        try await next.send(Self.records(2...3))
        #expect(try text() == Self.text(0...3))
        try await next.send(Self.records(4...4))
        #expect(try text() == Self.text(0...4), "it goes on at the end")
    }

    @Test func whoFollowsTheFileSeesNoLineTwiceHoweverOftenItIsTried() async throws {
        disk.fails = true
        var cursor = Self.beginning
        for _ in 0..<3 {
            let stream = try open(cursor)
            cursor = try await position(stream)
            #expect(stream.mark.size == 0, "nothing is confirmed yet")
            await #expect(throws: ForwardError.self) { try await stream.send(Self.records(0...2)) }
        }
        #expect(try text() == Self.text(0...2))
    }

    /// The forwarder says so, and does it again by itself.
    @Test func aSyncThatFailsIsAProblemUntilEverythingIsOnDisk() async throws {
        let handle = LedgerHandle(file: directory.file("ledger.sqlite"))
        let store = try handle.open(node: "t")
        let attempt = Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
        for _ in 0..<5 { _ = try store.commit([.append(attempt, drop: nil)], now: .now()) }
        let reports = AsyncStream.makeStream(of: String?.self)
        let (disk, path) = (disk, path)
        disk.fails = true
        let forwarder = Forwarder(
            name: "file", target: path, reader: try handle.reader(),
            cursorFile: directory.file("cursor.json"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            report: { reports.continuation.yield($0) }, render: { Array("entry \($0.seq)".utf8) },
            open: { cursor in
                try FileStream(path: path, cursor: cursor, sync: { disk.sync($0) }, tell: { _ in })
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await forwarder.run() }
            var said = reports.stream.makeAsyncIterator()
            for _ in 0..<2 {
                let problem = try #require(await said.next() ?? nil)
                #expect(problem.contains("cannot sync \(path)"), "\(problem)")
            }
            #expect(forwarder.isFailing && forwarder.waiting == 5)
            disk.fails = false
            while let problem = try #require(await said.next()) { #expect(problem.contains("cannot sync")) }
            await forwarder.finish()
        }
        #expect(forwarder.waiting == 0)
        #expect(try text() == Self.text(0...4))
        let cursor = try #require(try ForwardCursor.read(directory.file("cursor.json"), target: path))
        #expect(try cursor.seq == 4 && cursor.size == Int64(text().utf8.count))
    }

    // MARK: A gate that was killed

    /// Between the lines and their position, or in the middle of a line.
    @Test(arguments: [
        "entry 2\nentry 3\n", "entry 2\nent", "{\"torn\": \"and longer than all that is sent next\"", "",
    ])
    func whatAKilledGateHadWrittenBehindItsPositionIsWrittenAgain(left: String) async throws {
        let next = try await open(over: left)
        #expect(try await next.confirmed() == 1)
        try await next.send(Self.records(2...4))
        #expect(try text() == Self.text(0...4))
        #expect(told.words.isEmpty, "nothing stands there twice")
    }

    @Test func whatStandsThereOfMoreEntriesThanAreSentNextStaysUntilTheyAreSent() async throws {
        let next = try await open(over: Self.text(2...5))
        try await next.send(Self.records(2...3))
        #expect(try text() == Self.text(0...5))
        #expect(next.mark.size == Int64(Self.text(0...3).utf8.count), "no more is confirmed")
        try await next.send(Self.records(4...7))
        #expect(try text() == Self.text(0...7))
        #expect(told.words.isEmpty)
    }

    @Test func aLineThatWasCutOffInAFileWithoutAPositionIsTakenAway() async throws {
        try Data("other\ncut off and longer than what follows".utf8).write(to: URL(filePath: path))
        let stream = try open(Self.beginning)
        try await stream.send(Self.records(0...0))
        #expect(try text() == "other\nentry 0\n")
    }

    // MARK: A restore

    /// Of the position and the ledger, and not of the file: what the gate wrote since the backup is the only copy there is.
    @Test(arguments: ["entry 2 of before\nentry 3 of before\n", "entry 9\n", "another line\n"])
    func afterARestoreTheLinesOfBeforeStayAndTheNewOnesFollow(before: String) async throws {
        let next = try await open(over: before)
        try await next.send(Self.records(2...3))
        let all = Self.text(0...1) + before
        #expect(try text() == all + Self.text(2...3))
        #expect(told.words.count == 1, "\(told.words)")
        #expect(told.words.first?.contains("entries from 2 on follow behind them") == true, "\(told.words)")
        try await next.send(Self.records(4...4))
        let last = try await open(position(next))
        #expect(try await last.confirmed() == 4)
        try await last.send(Self.records(5...5))
        #expect(try text() == all + Self.text(2...5))
        #expect(told.words.count == 1, "told once")
    }

    /// A backup has the position first and then the ledger, so the file's next lines are those of the restored ledger.
    @Test func entriesThatAreBothInTheRestoredLedgerAndInTheFileStandThereOnce() async throws {
        let before = "entry 4 of before\nentry 5 of before\n"
        let next = try await open(over: Self.text(2...3) + before)
        try await next.send(Self.records(2...5))
        #expect(try await next.confirmed() == 5)
        #expect(try text() == Self.text(0...3) + before + Self.text(4...5))
        #expect(next.mark.size == Int64(try text().utf8.count))
        #expect(told.words.count == 1 && told.words[0].contains("entries from 4 on"), "\(told.words)")
    }

    @Test func aLineThatWasCutOffBehindLinesOfBeforeIsTakenAway() async throws {
        let next = try await open(over: "before\ncut off and longer than what follows")
        try await next.send(Self.records(2...2))
        #expect(try text() == Self.text(0...1) + "before\n" + Self.text(2...2))
    }

    @Test func behindLinesOfBeforeNoLineStandsTwiceHoweverOftenItIsTried() async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        var cursor = try await position(first)
        try write("before\n", at: first.mark.size)
        disk.fails = true
        for _ in 0..<3 {
            let stream = try open(cursor)
            await #expect(throws: ForwardError.self) { try await stream.send(Self.records(2...3)) }
            cursor = try await position(stream)
            #expect(cursor.seq == 1, "nothing more is confirmed")
        }
        disk.fails = false
        try await open(cursor).send(Self.records(2...3))
        #expect(try text() == Self.text(0...1) + "before\n" + Self.text(2...3))
        #expect(told.words.count == 1, "\(told.words)")
    }

    // MARK: Somebody else's lines

    /// As long as one of ours, so that a sum of our own bytes ends at a line of ours as well; and of another length.
    @Test(arguments: ["other 1\n", "a line of somebody else\nand one more\n"])
    func linesThatSomebodyElseAppendsBetweenTwoSendsStayAndCountAsNoneOfOurs(theirs: String) async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        try write(theirs, at: first.mark.size)
        try await first.send(Self.records(2...3))
        let all = Self.text(0...1) + theirs + Self.text(2...3)
        #expect(try text() == all)
        #expect(first.mark.size == Int64(all.utf8.count), "where the file ends, not what was written to it")
        let next = try await open(position(first))
        #expect(try await next.confirmed() == 3)
        try await next.send(Self.records(4...5))
        #expect(try text() == all + Self.text(4...5))
    }

    /// Its writer may be in the middle of it, as one that writes by blocks is.
    @Test(arguments: ["half of a line", "a line\nand half of one"])
    func aLineOfSomebodyElseThatIsNotAtItsEndGetsOneAndNoEntryIsPartOfIt(theirs: String) async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        try write(theirs, at: first.mark.size)
        disk.fails = true
        await #expect(throws: ForwardError.self) { try await first.send(Self.records(2...3)) }
        disk.fails = false
        try await first.send(Self.records(2...3))
        try write("the rest\n", at: first.mark.size)
        try await first.send(Self.records(4...4))
        let all = Self.text(0...1) + theirs + "\n" + Self.text(2...3) + "the rest\n" + Self.text(4...4)
        #expect(try text() == all)
        #expect(first.mark.size == Int64(all.utf8.count) && told.words.isEmpty)
    }

    /// By `truncate`, or by logrotate's copytruncate with another program's writing behind it.
    @Test(arguments: ["", "entry 0\n", "entry 0\nent"], [false, true])
    func behindWhatIsLeftOfAFileThatWasCutEntriesAreLinesOfTheirOwn(left: String, isUnconfirmed: Bool)
        async throws
    {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        if isUnconfirmed {
            disk.fails = true
            await #expect(throws: ForwardError.self) { try await first.send(Self.records(2...3)) }
            disk.fails = false
        }
        try FileHandle(forUpdating: URL(filePath: path)).truncate(atOffset: UInt64(left.utf8.count))
        try await first.send(Self.records(2...3))
        #expect(try text() == left + (left.hasSuffix("t") ? "\n" : "") + Self.text(2...3))
        #expect(first.mark.size == Int64(try text().utf8.count))
        let words = "\(path) was cut from 16 bytes to \(left.utf8.count): what it held is not written"
        #expect(told.words.count == 1 && told.words[0].hasPrefix(words), "\(told.words)")
    }

    @Test func aFileThatWasCutWhileTheGateWasStoppedIsTold() async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        let cursor = try await position(first)
        try FileHandle(forUpdating: URL(filePath: path)).truncate(atOffset: 3)
        let next = try open(cursor)
        try await next.send(Self.records(2...2))
        #expect(try text() == Self.text(2...2))
        let words = "entries from 2 on follow behind what is left"
        #expect(told.words.count == 1 && told.words[0].contains(words), "\(told.words)")
    }

    @Test func linesThatSomebodyElseAppendsBehindASyncThatFailedStayAndNoneOfOursStandsTwice() async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        disk.fails = true
        await #expect(throws: ForwardError.self) { try await first.send(Self.records(2...3)) }
        disk.fails = false
        let theirs = "a line of somebody else\nand one more\n"
        try write(theirs, at: Int64(try text().utf8.count))
        let next = try await open(position(first))
        try await next.send(Self.records(2...4))
        #expect(try text() == Self.text(0...3) + theirs + Self.text(4...4))
        #expect(next.mark.size == Int64(try text().utf8.count))
    }

    /// It is not where a line of ours ended, so nothing behind it is known to be ours.
    @Test func behindAPositionInTheMiddleOfALineNothingIsCut() async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        var cursor = try await position(first)
        let theirs = "a line of somebody else\nand one more\n"
        try write(theirs, at: first.mark.size)
        cursor.size = first.mark.size + 5
        let next = try open(cursor)
        #expect(next.mark.size == Int64(try text().utf8.count))
        #expect(try await next.confirmed() == 1)
        try await next.send(Self.records(2...3))
        #expect(try text() == Self.text(0...1) + theirs + Self.text(2...3))
    }

    // MARK: A file that is renamed

    @Test func aFileThatWasRenamedIsLeftAsItIs() async throws {
        let first = try open(Self.beginning)
        try await first.send(Self.records(0...1))
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try first.prepare()
        try await first.send(Self.records(2...3))
        #expect(try String(contentsOfFile: path + ".1", encoding: .utf8) == Self.text(0...1))
        #expect(try text() == Self.text(2...3))
    }

    @Test func linesThatMayStandInTwoFilesAreTold() async throws {
        let next = try await open(over: "entry 2\n")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try next.prepare()
        try await next.send(Self.records(2...3))
        let words = told.words
        #expect(
            words.count == 1 && words[0].contains("entries from 2 on may stand in both files"), "\(words)")
        #expect(try text() == Self.text(2...3))
    }
}
