// A drop with what ledger and receipt say of it.
import Admission
import Foundation
package import JSON
package import Ledger
import Staging

package struct DropView: Sendable {
    package let record: DropRecord
    /// The entry that accepted the drop.
    package let entry: JSONValue?

    package init(_ record: DropRecord, _ reader: any LedgerReading) throws {
        self.record = record
        entry = try reader.entry(seq: record.seq)?.value()
    }

    package var facts: JSONValue? { entry?["drop"] }
    package var bytes: Int64? { facts?["bytes"]?.int }
    package var sha256: String? { facts?["sha256"]?.string }

    package var stateWord: String { "\(record.state)" }

    package func file(in staging: String) -> String { "\(staging)/\(place)" }

    /// Where the file is in staging: as a consumer finds it or, of a drop that is none's yet or no more, where it
    /// lies now.
    package var place: String {
        switch record.state {
        case .pending: return record.incoming ?? StagingLayout.released(record.readyPath)
        case .withdrawn:
            guard let account = entry?["account"]?.string else { break }
            return StagingLayout.quarantinedFile(
                record.id, of: account, sent: record.name ?? record.readyPath)
        case .released, .acknowledged, .lost, .forgotten: break
        }
        return StagingLayout.released(record.readyPath)
    }

    package func json(staging: String) -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(record.id), "seq": .int(record.seq), "state": .string(stateWord),
            "file": .string(file(in: staging)), "received": .string(record.received.description),
        ]
        members["name"] = record.name.map { .string($0) }
        if record.state == .pending { members["due"] = record.due.map { .string($0.description) } }
        if entry?["reason"]?.string == Reason.pulled.rawValue { members["pulled"] = entry?["time"] }
        members["released"] = record.released.map { .string($0.description) }
        members["acknowledged"] = record.acknowledged.map { .string($0.description) }
        members["bytes"] = bytes.map(JSONValue.int)
        members["sha256"] = sha256.map(JSONValue.string)
        for name in ["channel", "source", "account", "credential"] { members[name] = entry?[name] }
        for name in ["event_id", "event_type"] { members[name] = facts?[name] }
        return .object(members)
    }
}

extension DropState {
    package init?(word: String) {
        guard let state = Self.allCases.first(where: { "\($0)" == word }) else { return nil }
        self = state
    }

    package static var words: [String] { allCases.map { "\($0)" } }
}
