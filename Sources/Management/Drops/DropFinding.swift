// What a look at released drops, and at all that lies in `ready/`, finds.
package import JSON
package import Ledger
import Staging

package enum DropFinding: String, Sendable, Hashable, CaseIterable {
    case intact
    /// The bytes are other ones, or no regular file lies in its place.
    case altered
    /// It lies there, and it or its receipt cannot be read.
    case unreadable
    /// The bytes are right, but the receipt is absent or says something else than the ledger.
    case receiptDiffers = "receipt differs"
    /// What lies under `ready/` and is no drop's: the gate did not release it.
    case foreign
    /// Not under `ready/` any more: its consumer has it.
    case taken
    /// Not yet under `ready/`.
    case pending
    /// Taken back by its sender; in quarantine.
    case withdrawn
    /// Its bytes are gone; the ledger says when that was found.
    case lost
    /// It lies there, and its entry was removed by the ledger's retention: there is nothing left to compare it with.
    case notCompared = "not compared"

    /// Whether consumers get something else than the gate has released.
    package var isWrong: Bool { [.altered, .receiptDiffers, .foreign].contains(self) }
}

/// What was found of a drop, or of what lies in `ready/` and is no drop's.
package struct DropVerdict: Sendable {
    package enum Subject: Sendable, Hashable, CustomStringConvertible {
        case drop(DropRecord)
        /// Relative to `ready/`; of a batch's file the lines, from 1.
        case place(String, lines: ClosedRange<Int>?)

        /// For people: the drop's id and its path under `ready/`; else a path in staging, as receipts have it.
        package var description: String {
            switch self {
            case .drop(let record): "\(record.id)  \(record.readyPath)"
            case .place(let path, nil): StagingLayout.released(path)
            case .place(let path, let lines?):
                "\(StagingLayout.released(path)): \(lines.count == 1 ? "line" : "lines") \(lines.lowerBound)"
                    + (lines.count == 1 ? "" : " to \(lines.upperBound)")
            }
        }

        /// `id`; or `file`, relative to the staging directory, and `lines`, the first and the last.
        package var json: [String: JSONValue] {
            switch self {
            case .drop(let record): ["id": .string(record.id)]
            case .place(let path, let lines):
                ["file": .string(StagingLayout.released(path))].merging(
                    lines.map {
                        ["lines": .array([.int(Int64($0.lowerBound)), .int(Int64($0.upperBound))])]
                    } ?? [:]
                ) { own, _ in own }
            }
        }
    }

    package let subject: Subject
    package let finding: DropFinding
    /// What is other than the ledger says: of `altered` and `receiptDiffers`; nil for every other finding.
    package let difference: DropDifference?
    /// Why it could not be read; nil for every other finding.
    package let failure: ManagementError?
}
