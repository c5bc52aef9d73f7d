// How far the ledger is signed and witnessed.
import Admission
package import JSON
package import Ledger

package struct LedgerStanding: Sendable {
    package let entries: Int64
    /// The newest checkpoint; nil: none is signed yet.
    package let signed: SignedCheckpoint?
    package let witnesses: [WitnessedSize]
    /// Where what can be read begins; nil for an empty ledger.
    package let beginning: LedgerBeginning?

    /// Entries behind the newest checkpoint, and behind the newest one that a witness has.
    package var unsigned: Int64 { entries - (signed?.checkpoint.size ?? 0) }
    package var unwitnessed: Int64 { entries - (witnesses.map(\.size).max() ?? 0) }

    package var json: JSONValue {
        func size(_ size: Int64, _ time: Instant) -> [String: JSONValue] {
            ["size": .int(size), "time": .string(time.description)]
        }
        var members: [String: JSONValue] = [
            "entries": .int(entries), "unsigned": .int(unsigned), "unwitnessed": .int(unwitnessed),
            "witnesses": .array(
                witnesses.map { .object(size($0.size, $0.time).merging(["name": .string($0.name)]) { $1 }) }),
        ]
        members["signed"] = signed.map { .object(size($0.checkpoint.size, $0.checkpoint.time)) }
        members["begins"] = beginning.map { ["seq": .int($0.seq), "time": .string($0.time.description)] }
        return .object(members)
    }
}

extension LedgerService {
    package func standing() throws -> LedgerStanding {
        let reader = try ledger.reader()
        return LedgerStanding(
            entries: try reader.size(), signed: try reader.newestCheckpoint(),
            witnesses: try reader.witnessed(), beginning: try reader.beginning())
    }
}
