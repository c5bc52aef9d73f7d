// Why a source that is refused now was let in before: what the ledger says of its last contact, and of the change of source
// lists after that. For people; it decides nothing.
package import Admission
package import JSON
import Ledger

/// Looks back over `days`, for at most `most` callers; the rest is told nothing of.
package final class RefusalHistory {
    private static let days: Int64 = 30
    private static let most = 200

    /// What is the same for all refusals of a caller from one contact to the next.
    private struct Known {
        /// Entries among which there is no contact.
        var seqs: Range<Int64>
        /// The contact before them; nil: none in the days before the first of them.
        var letIn: CallerHistory.LetIn?
    }

    private let reader: any LedgerReading
    private var history: CallerHistory
    private var known: [CallerHistory.Caller: Known] = [:]

    init(_ reader: any LedgerReading) {
        self.reader = reader
        history = CallerHistory(reader)
    }

    /// "was listed until the source lists changed at …"; nil for what is no such refusal, and where nothing is known.
    package func words(of entry: JSONValue, seq: Int64, time: Instant) throws -> String? {
        guard entry["verdict"]?.string == Verdict.rejected.rawValue,
            let reason = entry["reason"]?.string.flatMap(Reason.init), CallerHistory.reasons.contains(reason),
            let ip = entry["source"]?["ip"]?.string.flatMap({ try? IPAddress($0) }),
            let channel = entry["channel"]?.string.flatMap(Channel.init)
        else { return nil }
        let caller = CallerHistory.Caller(ip: ip, channel: channel)
        let since = time - .seconds(Self.days * 86_400)
        guard let letIn = try letIn(caller, since: since, below: seq), letIn.time >= since else { return nil }
        guard
            let change = try history.change(
                after: letIn, of: caller,
                refusal: .init(reason: reason, seq: seq, policy: entry["policy"]?.string))
        else {
            return "last accepted at \(letIn.time.brief)"
        }
        return "was listed until the source lists changed at \(change.time.brief) (entry \(change.seq))"
    }

    private func letIn(
        _ caller: CallerHistory.Caller, since: Instant, below seq: Int64
    ) throws -> CallerHistory.LetIn? {
        if let known = known[caller], known.seqs.contains(seq) { return known.letIn }
        guard known[caller] != nil || known.count < Self.most else { return nil }
        let end = try reader.size()
        let letIn = try history.lastLetIn(caller, since: since, below: seq)
        let next = try history.nextContact(caller, above: seq)
        known[caller] = Known(seqs: seq..<max(seq + 1, next ?? end), letIn: letIn)
        return letIn
    }
}

extension Instant {
    /// `2026-11-23T08:15:30Z`
    fileprivate var brief: String { description.prefix(19) + "Z" }
}
