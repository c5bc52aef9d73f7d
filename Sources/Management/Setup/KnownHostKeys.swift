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

    init(_ ledger: LedgerHandle) {
        do {
            guard try ledger.isThere() else {
                record = .none
                return
            }
            record = try HostKeyRecord.last(in: ledger.reader()).map { .keys($0.keys) } ?? .none
        } catch {
            record = .unreadable
        }
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
        "\(path) is gone: a host key that callers know; put it back from the backup; if there is none, "
            + "`dropgate init --new-host-keys` makes another, and VSee has to be told its fingerprint"
    }
}
