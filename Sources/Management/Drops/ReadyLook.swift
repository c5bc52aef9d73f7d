// Looks into staging for what the ledger does not say: whether a released drop still lies there, and what only its receipt
// says. Looking only.
import Files
import Intake
import Ledger
import Settings
import Staging

struct ReadyLook {
    /// Where a released drop is.
    enum Place { case there, taken, unknown }

    private let path: String
    private let staging: StagingArea
    private let reader: any LedgerReading

    /// Never makes a staging directory: where there is none, there is nothing to look at. Throws a `ManagementError`, or
    /// `FileError` or `StagingError` where it may not be looked at.
    init(_ settings: GateSettings, _ reader: any LedgerReading) throws {
        let path = settings.staging.path
        try Self.require(path)
        self.path = path
        staging = try StagingArea(lookingInto: path)
        self.reader = reader
    }

    /// Throws as `init` where there is no staging directory at a path, or it has no `ready/`.
    static func require(_ path: String) throws {
        let ready = "\(path)/\(StagingLayout.ready)"
        guard try !Presence.check(ready) else { return }
        guard try Presence.check(path) else {
            throw ManagementError(
                .unavailable, "there is no staging directory at \(path)", fix: "check that it is mounted",
                retryAfter: 30)
        }
        // What lies there and leads nowhere is told by who opens it.
        guard Presence.isGone(ready) else { return }
        let others = [StagingLayout.receipts, StagingLayout.quarantine, StagingLayout.incoming]
        guard try others.contains(where: { try Presence.check("\(path)/\($0)") }) else {
            throw ManagementError(
                .unavailable, "\(ready) is missing, and so is all else that a gate keeps in \(path)",
                fix: "check that the filesystem of staging is mounted there", retryAfter: 30)
        }
        throw ManagementError(
            .configuration,
            "\(ready) is missing, and the rest of staging is there: somebody has moved or removed it",
            fix: "put it back; if it is lost, restart the gate, which makes it again: what is not in it then "
                + "counts as taken")
    }

    /// Whether a file is there; true where that cannot be told.
    /// - Parameter file: relative to the staging directory.
    func isThere(_ file: String) -> Bool { (try? Presence.check("\(path)/\(file)")) ?? true }

    /// `.taken` only where its receipt is there: without it, staging may not be mounted.
    func place(of record: DropRecord) throws -> Place {
        if try isThere(record) { return .there }
        return try staging.ready.hasReceipt(record.id, at: record.readyPath) ? .taken : .unknown
    }

    /// Whether a drop lies in `ready/` itself.
    func isThere(_ record: DropRecord) throws -> Bool {
        try staging.ready.stillHolds(record.readyPath) && isStill(record)
    }

    /// Opens the file of a released drop.
    func open(_ record: DropRecord) throws(StagingError) -> any ReleasedFile {
        try staging.ready.openReleased(record.readyPath)
    }

    /// As `BatchEvents`.
    func event(of record: DropRecord, line: Int?) throws -> [UInt8]? {
        try BatchEvents(staging: staging, reader: reader).event(of: record, line: line)
    }

    /// Whether a drop is on its way to this path, or there already and only not marked in the ledger: receipts come first.
    func isReleasing(_ record: DropRecord, to readyPath: String) -> Bool {
        record.state == .pending
            && (try? staging.ready.receipt(record.id, at: readyPath))?.file
                == StagingLayout.released(readyPath)
    }

    /// The receipt of a drop as it lies in staging; nil where there is none, or none that can be read.
    /// - Parameter account: whose upload it is.
    func receipt(of record: DropRecord, account: String?) -> Receipt? {
        switch record.state {
        case .released, .taken, .acknowledged: try? staging.ready.receipt(record.id, at: record.readyPath)
        case .withdrawn: account.flatMap { try? staging.quarantinedUpload(record.id, of: $0) }
        case .pending, .lost, .forgotten: nil
        }
    }

    /// Whether what lies at the path is this drop, not a later one that was given the name since.
    private func isStill(_ record: DropRecord) throws -> Bool {
        guard record.incoming != nil else { return true }
        return try reader.newestUpload(readyPath: record.readyPath)?.id == record.id
    }
}
