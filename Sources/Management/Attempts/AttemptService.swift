// Attempts as the ledger has them: asked for by filters, given in pages, and followed as they come. Entries are numbered and
// never change, so that pages are stable.
package import Admission
import JSON
package import Ledger
package import Settings

/// Methods throw `ManagementError` or `LedgerError`.
package struct AttemptService: Sendable {
    /// What is asked for.
    package struct Request: Sendable {
        /// What entries must match. Its order, limit and bounds are the service's to set.
        package var query = LedgerQuery()
        /// Entries at most; 0: all.
        package var limit = 50
        /// The oldest entries above this one.
        package var after: Int64?
        /// The newest entries below this one.
        package var before: Int64?
        package var follows = false

        package init() {}
    }

    /// What leaves the gate for another program, and is recorded before it does.
    package struct Export: Sendable {
        package var format: String
        /// The filters, as they could be typed.
        package var words: String
        /// Who takes it, and why.
        package var attribution: Attribution

        package init(format: String, words: String, by attribution: Attribution) {
            self.format = format
            self.words = words
            self.attribution = attribution
        }
    }

    /// How to go on where there are more entries than were asked for.
    package enum More: Sendable, Hashable {
        case before(Int64)
        case after(Int64)
    }

    /// What a reading came to.
    package struct Answer: Sendable {
        package let more: More?
        /// Everything below has been looked at: `follow` goes on there.
        let last: Int64
        let export: RecordedExport?
    }

    private let settings: GateSettings
    private let authority: (any GateAuthority)?
    private let reader: any LedgerReading

    /// - Parameter authority: of this process, which is the gate; nil: it is looked for.
    package init(_ settings: GateSettings, authority: (any GateAuthority)? = nil) throws {
        self.settings = settings
        self.authority = authority
        reader = try settings.ledgerHandle.reader()
    }

    /// What the ledger knows of refused sources from before, for tables that people read.
    package func refusals() -> RefusalHistory { RefusalHistory(reader) }

    /// Gives the entries that are there, oldest first, and returns how to go on.
    /// - Parameters:
    ///   - export: nil where the entries stay with a person.
    ///   - begin: called once, when nothing can prevent the answer any more.
    ///   - reach: how far the export has come, for the ledger, when it ends before its end.
    ///   - take: called with whole pages.
    package func read(
        _ request: Request, export: Export?, warn: @escaping @Sendable (String) -> Void,
        begin: () throws -> Void, reach: () -> ExportReach, take: ([StoredEntry]) throws -> Void
    ) async throws -> Answer {
        // Entries below `end` are given now; following begins above `last`. An export has those up to its own entry.
        let last: Int64
        let end: Int64
        let recorded: RecordedExport?
        if let export {
            let entry = try await record(export, request, warn)
            (recorded, last, end) = (entry, entry.seq, entry.seq)
        } else {
            recorded = nil
            last = try reader.lastSeq() ?? -1
            end = last + 1
        }
        var query = request.query
        query.below = min(request.before ?? end, end)
        query.above = request.after
        do {
            try begin()
            let isFromStart = request.limit == 0 || request.after != nil
            let more = try isFromStart ? oldest(query, request, take) : newest(query, request, take)
            return Answer(more: more, last: last, export: recorded)
        } catch {
            // A reader that leaves is how following ends.
            let isEnd = request.follows && (error as? any ExportBreak)?.isReaderGone == true
            if !isEnd { await recorded?.endedInPart(error, reach: reach()) }
            throw error
        }
    }

    /// An export that has begun: all that matched when it did.
    package struct WholeExport: Sendable {
        package let recorded: RecordedExport
        package let pages: AttemptPages
    }

    /// Writes down that all entries that a query matches leave, up to the entry that says so.
    package func export(
        _ query: LedgerQuery, _ export: Export, warn: @escaping @Sendable (String) -> Void
    ) async throws -> WholeExport {
        var request = Request()
        (request.query, request.limit) = (query, 0)
        let recorded = try await record(export, request, warn)
        var query = query
        query.below = recorded.seq
        return WholeExport(recorded: recorded, pages: AttemptPages(reader, query, above: nil))
    }

    /// Entries of a source next to one of them, oldest first: what it is a part of. Sealed entries are not looked at.
    /// - Parameter limit: on either side.
    package func around(_ entry: StoredEntry, of ip: IPAddress, limit: Int) throws -> [StoredEntry] {
        var query = LedgerQuery()
        query.sources = [CIDRBlock(of: ip)]
        query.sealed = false
        query.limit = limit
        (query.since, query.until) = (entry.time - .seconds(3600), entry.time + .seconds(3600))
        var (before, behind) = (query, query)
        (before.below, before.order) = (entry.seq, .newestFirst)
        behind.above = entry.seq
        return try reader.entries(before).reversed() + reader.entries(behind)
    }

    /// Some entries, and where to go on.
    package struct Page: Sendable {
        /// Newest first.
        package let entries: [StoredEntry]
        /// What `before` is to be for the page behind this one; nil: there is none.
        package let next: Int64?

        package init(entries: [StoredEntry], next: Int64?) {
            self.entries = entries
            self.next = next
        }
    }

    /// The newest entries below `before`, by a look at `span` entries at most, and in `patience` or the time that one step takes: whatever
    /// is asked for, a page comes soon, and may have fewer entries than `limit`, or none, while there is a next one.
    /// - Parameter step: entries; of sealed ones half as many, because they are unpacked.
    package func page(
        _ query: LedgerQuery, before: Int64?, limit: Int, span: Int64 = 30_000, step: Int64 = Look.entries,
        patience: Duration = Look.patience
    ) throws -> Page {
        var end = (try reader.lastSeq() ?? -1) + 1
        end = min(before ?? end, end)
        var begin: Int64 = 0
        if query.since != nil || query.until != nil {
            let seqs = try reader.seqs(of: query.period)
            (begin, end) = (seqs.lowerBound, min(end, seqs.upperBound))
        }
        let (floor, deadline) = (max(begin, end - span), ContinuousClock.now + patience)
        let sealed = try reader.lastSealed() + 1
        var query = query
        (query.order, query.after) = (.newestFirst, nil)
        var found: [StoredEntry] = []
        while end > floor {
            let next = max(floor, end > sealed ? max(sealed, end - step) : end - max(1, step / 2))
            (query.below, query.above) = (end, next - 1)
            query.limit = limit + 1 - found.count
            found += try reader.entries(query)
            if found.count > limit {
                let entries = Array(found.prefix(limit))
                return Page(entries: entries, next: entries.last?.seq)
            }
            end = next
            if ContinuousClock.now >= deadline { break }
        }
        return Page(entries: found, next: end > begin ? end : nil)
    }

    /// One entry; nil where there is none, or none any more.
    package func entry(_ seq: Int64) throws -> StoredEntry? { try reader.entry(seq: seq) }

    /// The number of the newest entry; -1 for an empty ledger.
    package func last() throws -> Int64 { try reader.lastSeq() ?? -1 }

    /// Entries as they come, above a number.
    package func pages(_ query: LedgerQuery, above seq: Int64) -> AttemptPages {
        AttemptPages(reader, query, above: seq)
    }

    /// For people who ask by time: which entries have times that may not be true, because the clock was set back.
    package func clockNotes(_ query: LedgerQuery) throws -> [String] {
        guard query.since != nil || query.until != nil else { return [] }
        return try reader.clockSetBacks().filter { $0.touches(query.period) }.suffix(5).map {
            "the clock was set back; these entries are also found by the time that it showed: \($0.summary)"
        }
    }

    /// Goes on with what comes, until `isWanted` says no or the task is cancelled.
    package func follow(
        _ request: Request, after answer: Answer, isWanted: () -> Bool, reach: () -> ExportReach,
        take: ([StoredEntry]) throws -> Void
    ) async throws {
        do {
            try await follow(request, above: answer.last, isWanted, take)
        } catch {
            await answer.export?.endedInPart(error, reach: reach())
            throw error
        }
    }

    private func follow(
        _ request: Request, above last: Int64, _ isWanted: () -> Bool, _ take: ([StoredEntry]) throws -> Void
    ) async throws {
        var query = request.query
        query.below = nil
        query.above = request.after
        var pages = AttemptPages(reader, query, above: last)
        while isWanted() {
            try pages.read { page in
                try take(page)
                return isWanted()
            }
            do {
                try await Task.sleep(for: .milliseconds(250))
            } catch {
                return
            }
        }
    }

    /// Writes down that entries leave.
    private func record(
        _ export: Export, _ request: Request, _ warn: @escaping @Sendable (String) -> Void
    ) async throws -> RecordedExport {
        var words = [export.words]
        if let after = request.after { words.append("--after \(after)") }
        if let before = request.before { words.append("--before \(before)") }
        words.append("--limit \(request.limit)" + (request.follows ? " --follow" : ""))
        return try await Authority.recordExport(
            "attempts",
            detail: [
                "format": .string(export.format),
                "query": .string(words.filter { !$0.isEmpty }.joined(separator: " ")),
            ], by: export.attribution, settings: settings, own: authority, warn: warn)
    }

    private func newest(
        _ query: LedgerQuery, _ request: Request, _ take: ([StoredEntry]) throws -> Void
    ) throws -> More? {
        let limit = request.limit
        var query = query
        query.order = .newestFirst
        query.limit = limit == Int.max ? limit : limit + 1
        let entries = try reader.entries(query)
        let shown = entries.prefix(limit)
        try take(shown.reversed())
        return entries.count > limit ? shown.last.map { .before($0.seq) } : nil
    }

    private func oldest(
        _ query: LedgerQuery, _ request: Request, _ take: ([StoredEntry]) throws -> Void
    ) throws -> More? {
        var pages = AttemptPages(reader, query, above: query.above)
        var left = request.limit == 0 || request.follows ? Int.max : request.limit
        var last: Int64?
        var more: More?
        try pages.read { page in
            guard left > 0 else {
                more = last.map { .after($0) }
                return false
            }
            let shown = page.prefix(left)
            try take(Array(shown))
            left -= shown.count
            last = shown.last?.seq
            if shown.count < page.count {
                more = last.map { .after($0) }
                return false
            }
            return true
        }
        return more
    }
}
