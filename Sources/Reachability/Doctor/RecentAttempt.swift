// An entry of the ledger as the doctor's checks look at it, and pages of such entries.
import Admission
import JSON
import Ledger

struct RecentAttempt {
    var seq: Int64
    var time: Instant
    var kind: EntryKind
    var channel: Channel
    var verdict: Verdict
    var reason: Reason
    /// The version of the lists that decided; nil where the entry names none.
    var policy: String?
    /// The source; where it could not be told, the peer.
    var ip: IPAddress
    var count: Int64
    var first: Instant
    var last: Instant

    /// nil for entries that are no attempt of an address, or that this program does not know.
    init?(_ entry: StoredEntry) throws {
        let value = try entry.value()
        guard let kind = value["kind"]?.string.flatMap(EntryKind.init(rawValue:)),
            let channel = value["channel"]?.string.flatMap(Channel.init(rawValue:)),
            let verdict = value["verdict"]?.string.flatMap(Verdict.init(rawValue:)),
            let reason = value["reason"]?.string.flatMap(Reason.init(rawValue:)),
            let text = (value["source"] ?? value["peer"])?["ip"]?.string, let ip = try? IPAddress(text)
        else { return nil }
        (seq, time) = (entry.seq, entry.time)
        (self.kind, self.channel, self.verdict, self.reason, self.ip) = (kind, channel, verdict, reason, ip)
        policy = value["policy"]?.string
        count = value["count"]?.int ?? 1
        first = value["first"]?.string.flatMap(Instant.init(rfc3339:)) ?? entry.time
        last = value["last"]?.string.flatMap(Instant.init(rfc3339:)) ?? entry.time
    }

    static let kinds: Set<EntryKind> = [.connection, .request, .login, .transfer]
}

extension LedgerReading {
    /// Gives attempts from the newest back, of `limit` entries at most. Returns the time of the last entry that was read when
    /// there may be more of them.
    func forEachRecent(
        _ query: LedgerQuery, limit: Int, _ body: (RecentAttempt) throws -> Void
    ) throws -> Instant? {
        var query = query
        query.order = .newestFirst
        var left = limit
        while left > 0 {
            query.limit = min(1000, left)
            let page = try entries(query)
            for entry in page { if let attempt = try RecentAttempt(entry) { try body(attempt) } }
            guard page.count == query.limit, let last = page.last else { return nil }
            left -= page.count
            query.after = last.seq
            if left <= 0 { return last.time }
        }
        return nil
    }
}
