// The write-ahead log goes into the ledger's file beside the commits.
import Admission
import Foundation
import GRDB
import JSON
import Support
import Testing

@testable import Ledger

@Suite struct LogCheckpointTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory("log")
        path = directory.file("ledger.sqlite")
    }

    /// MiB of the ledger's file, or of its log (`-wal`).
    private func size(_ suffix: String = "") throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + suffix)
        return try #require(attributes[.size] as? Int) >> 20
    }

    /// Commits 1,000 entries of 64 KiB, one after the other: with pages of B-trees some 70 MiB of log.
    private func fill(_ store: any LedgerStore) throws {
        var attempt = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        attempt.detail["text"] = .string(String(repeating: "x", count: 64 << 10))
        for _ in 0..<1000 {
            _ = try store.commit([.append(attempt, drop: nil)], now: Instant(microseconds: 1))
        }
    }

    @Test func aCommitBringsInOnlyWhatCameWhileTheOtherThreadDid() {
        var turn = LogCheckpoint.Turn()
        let most = LogCheckpoint.Turn.pages
        #expect(turn.committed(most - 1) == .nothing && turn.committed(most) == .copy)
        #expect(turn.committed(most + 1) == .nothing && turn.committed(.max) == .nothing)
        turn.copied()
        #expect(turn.committed(most + 1000) == .finish)
        #expect(turn.committed(3) == .nothing, "it began anew")
        #expect(turn.committed(most) == .copy)
    }

    /// What is not brought in beside the commits stays in the log.
    @Test func theLogBeginsAnewWhileCommitsGoOn() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        for _ in 0..<2 { try fill(store) }
        #expect(try size("-wal") < 100 && size() > 60)
    }

    @Test func aReaderHoldsUpNoCommitAndTheLogGrowsUntilItEnds() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        let reader = try DatabaseQueue(path: path)
        try reader.inDatabase { db in
            try db.execute(sql: "BEGIN")
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM entries") == 0)
            try fill(store)
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM entries") == 0, "what it began with")
            try db.execute(sql: "COMMIT")
        }
        let grown = try size("-wal")
        #expect(grown > 60)
        try fill(store)
        #expect(try size("-wal") < grown + 48, "it began anew")
        #expect(try store.size() == 2000)
    }

    // MARK: Room

    private func bytes(_ suffix: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + suffix)
        return try #require(attributes[.size] as? Int)
    }

    private func append(_ store: any LedgerStore) throws {
        let attempt = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        _ = try store.commit([.append(attempt, drop: nil)], now: Instant(microseconds: 1))
    }

    @Test func aCommitWritesOverZerosAndTheLogGrowsByStepsOnly() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        try append(store)
        let first = try bytes("-wal")
        #expect(first > LogRoom.step)
        var sizes: Set<Int> = []
        for _ in 0..<300 {
            try append(store)
            sizes.insert(try bytes("-wal"))
        }
        #expect(sizes.count < 8 && sizes.allSatisfy { ($0 - first) % LogRoom.step == 0 })
    }

    /// Zeros after the frames are no frames: for a reader, after the writer has died, and after a copy of both files.
    @Test func zerosAfterTheFramesAreNoneForReadersAndForRecovery() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        for _ in 0..<5 { try append(store) }
        #expect(try LedgerHandle(file: path).reader().lastSeq() == 4)
        let copy = directory.file("copy.sqlite")
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
        }
        let recovered = try LedgerHandle(file: copy).open(node: "t")
        #expect(try recovered.size() == 5)
        try append(recovered)
        #expect(try recovered.size() == 6)
    }

    /// A crash may leave any part of what was written last: the frames before are all there is, and nothing comes back.
    @Test func ofALogWhoseLastFrameIsTornTheEntriesBeforeAreRead() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        for _ in 0..<5 { try append(store) }
        let log = Array(try Data(contentsOf: URL(filePath: path + "-wal")))
        let end = try #require(log.lastIndex { $0 != 0 })
        for torn in [end, end - 1, end - 100, end - 4000] {
            let copy = directory.file("copy-\(torn).sqlite")
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            var bytes = log
            for index in torn...end { bytes[index] = 0 }
            try Data(bytes).write(to: URL(filePath: copy + "-wal"))
            let recovered = try LedgerHandle(file: copy).open(node: "t")
            #expect(try recovered.size() == 4)
            try append(recovered)
            #expect(try recovered.size() == 5)
        }
    }

    @Test func aFrameHasAHeadAndAPage() {
        #expect(LogRoom.bytes(frames: 0) == 32 && LogRoom.bytes(frames: 2) == 32 + 2 * 4120)
    }
}
