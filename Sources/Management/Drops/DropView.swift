// A drop as it is told: the members of its receipt, and beside them what has become of it.
package import Admission
import Foundation
import Intake
package import JSON
package import Ledger
package import Staging

package struct DropView: Sendable {
    /// The state of an event that is held in quarantine, which is no drop of the ledger yet.
    package static let held = "held"

    /// nil for one that is held in quarantine.
    package let record: DropRecord?
    /// As it is, or would be, in staging; `file` is where the drop's data lies, or lay, relative to the staging directory.
    package let receipt: Receipt
    /// A word of `DropState`, or `held`. A released drop that is gone from `ready/` is `taken`, even if the gate does not know
    /// it yet.
    package let state: String
    /// When it was found gone; nil, too, where only this look has found that.
    package let taken: Instant?
    /// The receipt's file, relative to the staging directory; nil for a drop that has none yet, or none any more.
    package let receiptFile: String?
    /// The receipt's `modified` by the entry, before its sender has set it anew.
    let modifiedAtFirst: String?
    /// Its entry was removed by the ledger's retention: size, digest and source are not known any more.
    private let isWithoutEntry: Bool

    /// - Parameter look: nil: the state is the ledger's.
    init(_ record: DropRecord, _ reader: any LedgerReading, _ look: ReadyLook? = nil) throws {
        self.record = record
        let entry = try reader.entry(seq: record.seq).flatMap { try? AcceptedEntry($0.json) }
        var receipt = entry.map { Receipt($0, drop: record) } ?? Self.receipt(withoutEntry: record)
        isWithoutEntry = entry == nil
        modifiedAtFirst = record.modified == nil ? receipt.modified : entry?.modified
        receipt.file = Self.place(of: record, account: receipt.account)
        let written = look?.receipt(of: record, account: receipt.account)
        receipt.released = written.map(\.released) ?? record.released?.description
        (receipt.line, receipt.reason) = (written?.line, written?.reason)
        self.receipt = receipt
        var isTaken = record.state == .taken
        if record.state == .released || isTaken, let place = try? look?.place(of: record), place != .unknown {
            isTaken = place == .taken
        }
        switch record.state {
        case .released, .taken: state = "\(isTaken ? DropState.taken : .released)"
        default: state = "\(record.state)"
        }
        taken = isTaken ? record.taken : nil
        receiptFile = Self.receiptFile(of: record, receipt).flatMap { look?.isThere($0) == false ? nil : $0 }
    }

    /// An event that is held in quarantine.
    init(held receipt: Receipt) {
        record = nil
        self.receipt = receipt
        state = Self.held
        taken = nil
        receiptFile = Self.receiptFile(of: nil, receipt)
        isWithoutEntry = false
        modifiedAtFirst = receipt.modified
    }

    private static func receipt(withoutEntry record: DropRecord) -> Receipt {
        let parts = record.readyPath.split(separator: "/").map(String.init)
        var receipt = Receipt(
            drop: record.id, channel: parts.first ?? "", name: record.name ?? parts.last ?? "", file: "",
            bytes: 0,
            received: record.received.description)
        receipt.seq = record.seq
        receipt.account = StagingLayout.account(ofReady: record.readyPath)
        return receipt
    }

    package var bytes: Int64? { isWithoutEntry ? nil : receipt.bytes }

    /// Where the data is in staging: as a consumer finds it or, of a drop that is none's yet or no more, where it lies now.
    private static func place(of record: DropRecord, account: String?) -> String {
        switch record.state {
        case .pending:
            // The bytes are in the ledger, as those of an event; the path is the one that they will have.
            guard let incoming = record.incoming, !StagingLayout.isSmallFile(incoming) else { break }
            return incoming
        case .withdrawn:
            return StagingLayout.quarantinedFile(
                record.id, of: StagingLayout.quarantineAccount(account), sent: record.name ?? record.readyPath
            )
        case .released, .taken, .acknowledged, .lost, .forgotten: break
        }
        return StagingLayout.released(record.readyPath)
    }

    /// Where its receipt belongs by what the ledger says.
    private static func receiptFile(of record: DropRecord?, _ receipt: Receipt) -> String? {
        switch record?.state {
        case .released, .taken, .acknowledged:
            StagingLayout.receiptFile(receipt.drop, at: record?.readyPath)
        case nil, .withdrawn:
            receipt.file.split(separator: "/").dropLast().joined(separator: "/") + "/"
                + StagingLayout.quarantineReceipt
        case .pending, .lost, .forgotten: nil
        }
    }

    /// All members of a receipt under their names, and `state`, `staging` (the directory that `file` and `receipt_file` are
    /// relative to), `receipt_file`, `due`, `taken`, `acknowledged`. `id` is `drop` once more, as earlier versions called it.
    /// - Parameter more: members beside them.
    package func json(staging: String, _ more: [String: JSONValue] = [:]) throws -> JSONValue {
        var members = try JSONValue(parsing: receipt.encoded()).object ?? [:]
        members.merge(more) { _, new in new }
        if isWithoutEntry { members["bytes"] = nil }
        members["id"] = .string(receipt.drop)
        members["state"] = .string(state)
        members["staging"] = .string(staging)
        members["receipt_file"] = receiptFile.map { .string($0) }
        if record?.state == .pending, record?.isHeld == false {
            members["due"] = record?.due.map { .string($0.description) }
        }
        members["taken"] = taken.map { .string($0.description) }
        members["acknowledged"] = record?.acknowledged.map { .string($0.description) }
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
