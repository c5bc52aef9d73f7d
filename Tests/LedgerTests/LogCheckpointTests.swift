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
        #expect(turn.committed(3999) == .nothing && turn.committed(4000) == .copy)
        #expect(turn.committed(4001) == .nothing && turn.committed(.max) == .nothing)
        turn.copied()
        #expect(turn.committed(5000) == .finish)
        #expect(turn.committed(3) == .nothing, "it began anew")
        #expect(turn.committed(4000) == .copy)
    }

    /// What is not brought in beside the commits stays in the log.
    @Test func theLogBeginsAnewWhileCommitsGoOn() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        try fill(store)
        #expect(try size("-wal") < 48 && size() > 30)
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
}
