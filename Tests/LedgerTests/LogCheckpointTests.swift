// The write-ahead log goes into the ledger's file beside the commits.
import Admission
import Foundation
import GRDB
import Ledger
import Support
import Testing

@Suite struct LogCheckpointTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory("log")
        path = directory.file("ledger.sqlite")
    }

    private func size(_ suffix: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path + suffix)
        return attributes?[.size] as? Int ?? 0
    }

    /// Commits so many MiB of events, one a commit.
    private func fill(_ store: any LedgerStore, _ keys: ClosedRange<UInt8>) throws {
        let body = String(repeating: "x", count: 1 << 20)
        for key in keys {
            _ = try store.commit(
                [webhookOperation("d\(key)", key: key, body: body)], now: Instant(microseconds: 1))
        }
    }

    @Test func theLogBeginsAnewWhileCommitsGoOn() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        try fill(store, 1...200)
        #expect(size("-wal") < 100 << 20, "of 200 MiB that were written")
        #expect(size("") > 100 << 20)
    }

    @Test func aReaderHoldsUpNoCommitAndTheLogGoesOnGrowingUntilItEnds() throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        try fill(store, 1...1)
        let reader = try DatabaseQueue(path: path)
        try reader.inDatabase { db in
            try db.execute(sql: "BEGIN")
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM entries") == 1)
            try fill(store, 2...120)
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM entries") == 1, "what it began with")
            try db.execute(sql: "COMMIT")
        }
        let grown = size("-wal")
        #expect(grown > 100 << 20)
        try fill(store, 121...200)
        #expect(size("-wal") <= grown + 40 << 20, "it began anew")
        #expect(try store.size() == 200)
    }
}
