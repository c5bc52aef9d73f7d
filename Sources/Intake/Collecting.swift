// Released drops for those who collect them. Reads beside the writer: a long look keeps nobody waiting.
import Blocking
package import Ledger

extension Intake {
    /// Drops that are released and not acknowledged, newest first, with a seq below `before`.
    package func released(before: Int64?, limit: Int) async throws -> [DropRecord] {
        let ledger = configuration.ledger
        return try await readers.runToEnd {
            try ledger.reader().drops(states: [.released], before: before, limit: limit)
        }
    }
}
