// When a gate ran, as far as its entries show: the one meaning for doctor, for questions about the past and for reports.
// Commands write entries, too, also while no gate runs: these show nothing of it.
package import Admission
import JSON

/// A start or a stop of the gate.
package struct RunMark: Sendable, Hashable {
    package var seq: Int64
    package var time: Instant
    package var isStart: Bool
}

extension LedgerReading {
    /// The newest start or stop below `seq`, or of all; nil: the ledger tells of none. Throws `LedgerError`.
    package func lastRunMark(below seq: Int64? = nil) throws -> RunMark? {
        var query = LedgerQuery()
        query.order = .newestFirst
        query.limit = 1
        query.below = seq
        return try runMark(query)
    }

    /// Whether there are, or were, entries that a query with `sealed: false` does not look at. Throws `LedgerError`.
    package func hasSealedEntries() throws -> Bool {
        var query = LedgerQuery()
        query.sealed = false
        query.limit = 1
        return try entries(query).first.map { $0.seq > 0 } ?? false
    }

    /// The newest entry below `seq`, or of all, that only a running gate can have written. Throws `LedgerError`.
    package func lastSign(below seq: Int64? = nil) throws -> StoredEntry? {
        var query = LedgerQuery()
        query.order = .newestFirst
        query.below = seq
        query.limit = 64
        // Of these nearly all are commands', and a collector's look comes with a login.
        query.kinds = Set(EntryKind.allCases).subtracting([.access])
        while true {
            let page = try entries(query)
            if let sign = try page.first(where: { try $0.showsRunningGate }) { return sign }
            guard page.count == query.limit, let last = page.last else { return nil }
            query.after = last.seq
        }
    }

    /// The time before a start during which nothing shows that a gate ran, when no stop precedes the start: it ended
    /// somewhen in there. Throws `LedgerError`.
    package func silence(beforeStart seq: Int64, at time: Instant) throws -> Range<Instant>? {
        guard try lastRunMark(below: seq)?.isStart == true, let last = try lastSign(below: seq)?.time,
            last < time
        else { return nil }
        return last..<time
    }

    /// The silence in which a moment lies. Throws `LedgerError`.
    package func silence(around moment: Instant) throws -> Range<Instant>? {
        var query = LedgerQuery()
        query.since = moment + .microseconds(1)
        query.limit = 1
        guard let next = try runMark(query), next.isStart,
            let silence = try silence(beforeStart: next.seq, at: next.time), silence.lowerBound < moment
        else { return nil }
        return silence
    }

    private func runMark(_ query: LedgerQuery) throws -> RunMark? {
        var query = query
        query.kinds = [.service]
        query.reasons = [.started, .stopped]
        guard let entry = try entries(query).first else { return nil }
        return RunMark(
            seq: entry.seq, time: entry.time,
            isStart: try entry.value()["reason"]?.string == Reason.started.rawValue)
    }
}

extension StoredEntry {
    /// Not what a command did, nor what is said of files alone: a command completes what a crash has left in staging, and so
    /// does a gate before its start.
    fileprivate var showsRunningGate: Bool {
        get throws {
            let entry = try value()
            if PersonWords(entry["detail"]) != nil { return false }
            switch entry["kind"]?.string.flatMap(EntryKind.init(rawValue:)) {
            case .service, .policy: return true
            default: return entry["source"] != nil || entry["peer"] != nil
            }
        }
    }
}
