// Why a source that is refused now was let in before: what the ledger says of its last accepted attempt, and of the change of
// source lists after that. For people; it decides nothing.
package import Admission
package import JSON
import Ledger

/// Looks back over `days`, for at most `most` sources; the rest is told nothing of.
package final class RefusalHistory {
    private static let days: Int64 = 30
    private static let most = 200
    /// Refusals that a change of the lists can bring about.
    private static let reasons: Set<String> = [
        Reason.notListed.rawValue, Reason.wrongChannel.rawValue, Reason.entryExpired.rawValue,
    ]

    /// Refusals by one policy have one history.
    private struct Key: Hashable {
        var source: String
        var channel: String
        var policy: String
    }

    private let reader: any LedgerReading
    private var known: [Key: String?] = [:]

    init(_ reader: any LedgerReading) { self.reader = reader }

    /// "was listed until the source lists changed at …"; nil for what is no such refusal, and where nothing is known.
    package func words(of entry: JSONValue, seq: Int64, time: Instant) throws -> String? {
        guard entry["verdict"]?.string == Verdict.rejected.rawValue,
            Self.reasons.contains(entry["reason"]?.string ?? ""),
            let source = entry["source"]?["ip"]?.string, let block = try? CIDRBlock(source),
            let channel = entry["channel"]?.string.flatMap(Channel.init)
        else { return nil }
        let key = Key(source: source, channel: channel.rawValue, policy: entry["policy"]?.string ?? "")
        if let answer = known[key] { return answer }
        guard known.count < Self.most else { return nil }
        let answer = try look(block, channel, refused: entry, seq, time)
        known[key] = .some(answer)
        return answer
    }

    private func look(
        _ block: CIDRBlock, _ channel: Channel, refused: JSONValue, _ seq: Int64, _ time: Instant
    ) throws -> String? {
        var query = LedgerQuery()
        query.order = .newestFirst
        query.limit = 1
        query.since = time + .seconds(-Self.days * 86_400)
        query.sources = [block]
        query.channels = [channel]
        query.verdicts = [.accepted, .observed]
        query.kinds = Attempt.contacts
        query.below = seq
        guard let accepted = try reader.entries(query).first else { return nil }
        let before = try accepted.value()
        if refused["reason"]?.string == Reason.entryExpired.rawValue {
            return "last accepted at \(accepted.time.brief)"
        }
        guard let change = try change(after: accepted.seq, before, below: seq) else {
            return "last accepted at \(accepted.time.brief)"
        }
        return "was listed until the source lists changed at \(change.time.brief) (entry \(change.seq))"
    }

    /// The first change that speaks of an entry by which the source was listed; where none does, the first of all.
    private func change(after seq: Int64, _ accepted: JSONValue, below end: Int64) throws -> StoredEntry? {
        var query = LedgerQuery()
        query.limit = 100
        query.kinds = [.policy, .service]
        query.reasons = [.changed, .started]
        query.verdicts = [.accepted]
        query.above = seq
        query.below = end
        // A start with other lists is a change, too.
        let ids = accepted["entries"]?.array?.compactMap(\.string) ?? []
        let changes = try reader.entries(query).map { (entry: $0, value: try $0.value()) }
            .filter { $0.value["policy"] != nil && $0.value["policy"] != accepted["policy"] }
        let named = changes.first { change in
            (change.value["detail"]?["diff"]?.array ?? []).compactMap(\.string).contains { line in
                ids.contains { line.contains($0) }
            }
        }
        return (named ?? changes.first)?.entry
    }
}

extension Instant {
    /// `2026-11-23T08:15:30Z`
    fileprivate var brief: String { description.prefix(19) + "Z" }
}
