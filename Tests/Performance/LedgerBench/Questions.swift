// What people ask a gate, and how long each answer takes: the times of `dropgate attempts`, `drops` and `report` without the
// start of a program.
import Admission
import Foundation
import Ledger

struct Questions {
    private let reader: any LedgerReading
    private let handle: LedgerHandle
    private let last: Int64
    private let end: Instant

    init(_ path: String) throws {
        handle = LedgerHandle(file: path)
        reader = try handle.reader()
        last = try reader.lastSeq() ?? 0
        end = try reader.entry(seq: last * 9 / 10)?.time ?? Instant.now()
    }

    func ask() throws {
        print("| question | answers | median ms | worst ms |\n|---|---|---|---|")
        try entries("the last 20 attempts") { _ in }
        try entries("the last 20 of one address") { $0.sources = [try CIDRBlock("198.51.100.7")] }
        try entries("the last 20 of a reason that is frequent") { $0.reasons = [.notListed] }
        try entries("the last 20 of a reason that does not occur") { $0.reasons = [.ledgerFailed] }
        try entries("the last 20 logins of an account") { $0.accounts = ["vsee"] }
        try entries("the first 20 since a moment") { query in
            query.since = end
            query.order = .oldestFirst
        }
        for (what, block) in [("one address", "198.51.100.7"), ("a /24", "198.51.100.0/24")] {
            try entries("\(what) on one day, up to 1,000") { query in
                query.since = end - .seconds(86400)
                query.until = end
                query.sources = [try CIDRBlock(block)]
                query.order = .oldestFirst
                query.limit = 1000
            }
        }
        try time("opening for reading") {
            _ = try handle.reader(); return 1
        }
        try time("an old drop by its id") { try drop(near: last / 10) == nil ? 0 : 1 }
        try time("a new drop by its id") { try drop(near: last) == nil ? 0 : 1 }
        try time("no drop by an id") { try reader.drop(id: String(repeating: "0", count: 26)) == nil ? 0 : 1 }
        try time("the last 20 drops") { try reader.drops(limit: 20).count }
        try time("the last 20 pending drops") { try reader.drops(states: [.pending], limit: 20).count }
        try time("the last 20 taken or released drops") {
            try reader.drops(states: [.taken, .released], limit: 20).count
        }
        try time("which of 4,096 addresses called before the last tenth") {
            let known = try (0..<4096).map { try IPAddress("198.51.\(100 + $0 / 256).\($0 % 256)") }
            return try reader.seen(Set(known), before: last * 9 / 10).count
        }
        try time("a tally of the last day", rounds: 3) {
            let first = try reader.firstSeq(
                notBefore: (reader.entry(seq: last - 1)?.time ?? end) - .seconds(86400))
            return Int(try reader.tally(first..<last).entries)
        }
    }

    /// Not every entry has one.
    private func drop(near seq: Int64) throws -> DropRecord? {
        for entry in max(0, seq - 40)...seq {
            if let found = try reader.drop(id: EntrySource.id(entry)) { return found }
        }
        return nil
    }

    private func entries(_ what: String, _ change: (inout LedgerQuery) throws -> Void) throws {
        var query = LedgerQuery()
        query.limit = 20
        query.order = .newestFirst
        try change(&query)
        try time(what) { try reader.entries(query).count }
    }

    private func time(_ what: String, rounds: Int = 11, _ ask: () throws -> Int) throws {
        var found = 0
        let times = try (0..<rounds).map { _ in
            let began = ContinuousClock.now
            found = try ask()
            return (ContinuousClock.now - began) / .milliseconds(1)
        }.sorted()
        print("| \(what) | \(found) | \(times[rounds / 2].formatted()) | \(times[rounds - 1].formatted()) |")
    }
}
