// Gate words and values as parameters; the filters of attempts are those of `dropgate attempts`, under the same names. Pure.
import Admission
import Ledger

extension QueryParameters {
    /// Takes the filters. Throws a `Problem`.
    mutating func attempts() throws(Problem) -> LedgerQuery {
        var query = LedgerQuery()
        query.since = try instant("since")
        query.until = try instant("until")
        for text in take("source") {
            guard let block = try? CIDRBlock(text) else {
                throw .badParameter("source", "write an address or a block, 20.21.208.105 or 20.21.208.0/24")
            }
            query.sources.append(block)
        }
        query.verdicts = try words("verdict", Verdict.allCases.map(\.rawValue), Verdict.init)
        query.reasons = try words("reason", Reason.allCases.map(\.rawValue), Reason.init)
        query.channels = try words("channel", Channel.allCases.map(\.rawValue), Channel.init)
        query.kinds = try words("kind", EntryKind.allCases.map(\.rawValue), EntryKind.init)
        query.accounts = Set(take("account"))
        query.entries = Set(take("entry"))
        query.drops = Set(take("drop"))
        query.text = try one("text")
        if query.text?.isEmpty == true { throw .badParameter("text", "it is empty") }
        return query
    }

    /// A time.
    mutating func instant(_ name: String) throws(Problem) -> Instant? {
        guard let text = try one(name) else { return nil }
        guard let instant = Instant(rfc3339: text), instant.isWritable else {
            throw .badParameter(name, "write a time as 2026-11-23T08:00:00Z (RFC 3339)")
        }
        return instant
    }

    mutating func address(_ name: String) throws(Problem) -> IPAddress? {
        guard let text = try one(name) else { return nil }
        guard let address = try? IPAddress(text) else {
            throw .badParameter(name, "write an address, 20.21.208.105 or 2001:db8::1")
        }
        return address
    }
}
