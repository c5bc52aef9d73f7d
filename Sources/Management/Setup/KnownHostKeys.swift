// Which of the gate's host keys callers know, by the ledger: one that is lost is put back, and not replaced without a word.
import Files
import Ledger
import SFTPReceiver
import Settings

struct KnownHostKeys {
    private enum Record {
        /// No gate has run, or none that wrote down its keys.
        case none
        case keys(HostKeyRecord)
        /// A gate has run here, and what it showed cannot be read.
        case unreadable
    }

    private let record: Record

    /// Blocking, and for long where the last start is sealed: whoever sets a gate up can wait.
    init(_ ledger: LedgerHandle) {
        // What cannot be read says nothing against a key.
        record = (try? Self.read(ledger)) ?? .unreadable
    }

    private static func read(_ ledger: LedgerHandle) throws -> Record {
        guard try ledger.isThere() else { return .none }
        let reader = try ledger.reader()
        if let last = try HostKeyRecord.last(in: reader) { return .keys(last.keys) }
        // Retention may have removed the entry of a gate that still runs.
        return try reader.beginning()?.removedUpTo == nil ? .none : .unreadable
    }

    /// Whether callers know a key of this one's type.
    /// - Parameter path: one of those that `init` makes.
    func include(_ path: String) -> Bool {
        let name = Paths.lastComponent(of: path)
        return switch record {
        case .none: false
        case .keys(let record):
            record.keys.contains { $0.hasPrefix("\(HostKeys.type(ofFile: name) ?? name) ") }
        // Gates of before this key was made have none to lose.
        case .unreadable: name != SFTPSettings.laterHostKey
        }
    }

    /// What to say of one that is not there.
    static func loss(of path: String) -> String {
        "\(path) is gone: a host key that callers know; \(remedy)"
    }

    static let remedy =
        "put it back from the backup; if there is none, `dropgate init --new-host-keys` makes another, and VSee has to be told "
        + "its fingerprint"
}
