// Released drops for those who collect them. Reads beside the writer: a long look keeps nobody waiting.
package import Admission
import Blocking
import JSON
package import Ledger

extension Intake {
    /// Drops that are released and not acknowledged, newest first, with a seq below `before`.
    package func released(before: Int64?, limit: Int) async throws -> [DropRecord] {
        let ledger = configuration.ledger
        return try await readers.runToEnd {
            try ledger.reader().drops(states: [.released], before: before, limit: limit)
        }
    }

    /// Whether it was a collector's account that acknowledged a drop; nil where its entries do not tell that any more.
    /// - Parameter time: when it was acknowledged.
    package func isAcknowledged(
        _ drop: String, by account: String, since time: Instant
    ) async throws -> Bool? {
        let ledger = configuration.ledger
        return try await readers.runToEnd { () throws -> Bool? in
            var query = LedgerQuery()
            // The entry got its time a moment after that; much later where the clock was behind.
            query.since = time - .seconds(60)
            query.kinds = [.access]
            query.drops = [drop]
            let entries = try ledger.reader().entries(query).map { try $0.value() }
            let done = entries.last { $0["detail"]?["acknowledged"]?.bool == true }
            return done.map { $0["account"]?.string == account }
        }
    }
}
