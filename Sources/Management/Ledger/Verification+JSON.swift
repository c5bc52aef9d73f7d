// What a verification of the ledger found, for programs.
import Admission
package import JSON
import Ledger

extension LedgerService.Verification {
    /// Entries after the newest checkpoint that is out of the ledger's reach.
    package var unwitnessed: Int64 { result.size - (result.witnessed?.size ?? 0) }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "verified": .bool(result.isGood), "entries": .int(result.size), "bytes": .int(result.bytes),
            "checkpoints": .int(result.checkpointCount), "unwitnessed": .int(unwitnessed),
            "anchored": .bool(result.witnessed != nil), "finding_count": .int(Int64(result.faultCount)),
            "findings": .array(result.faults.map(Self.json)),
            "removed": .array(
                result.removed.map { ["first": .int($0.lowerBound), "last": .int($0.upperBound)] }),
        ]
        members["signed"] = result.signed.map(Self.json)
        members["witnessed"] = result.witnessed.map(Self.json)
        return .object(members)
    }

    private static func json(_ checkpoint: Checkpoint) -> JSONValue {
        [
            "size": .int(checkpoint.size), "root": .string(checkpoint.root.base64),
            "time": .string(checkpoint.time.description),
        ]
    }

    private static func json(_ fault: LedgerFault) -> JSONValue {
        var members: [String: JSONValue] = [
            "class": .string(fault.kind.rawValue), "message": .string(fault.message),
        ]
        if let entries = fault.entries {
            members["first"] = .int(entries.lowerBound)
            members["last"] = .int(entries.upperBound)
        }
        return .object(members)
    }
}
