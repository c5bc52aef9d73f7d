// What the machine gives the gate: a clock that is kept, open files, a user that is not root, and the name of its start.
import CShims
import Files
import Foundation
package import Settings

package struct MachineCheck {
    private static let area = "machine"
    /// Descriptors beside those of connections: ledger, staging, sockets, logs.
    private static let own = 256

    private let settings: GateSettings

    package init(_ settings: GateSettings) { self.settings = settings }

    package func findings() -> [Finding] { [clock, files, user] }

    /// Of the process that asks: a service may be shown less of the system than whoever looks after it.
    /// - Parameter id: the system's boot id; nil where it cannot be read.
    package func boot(_ id: String?) -> [Finding] {
        guard settings.sftp != nil, id == nil else { return [] }
        return [
            Finding(
                Self.area, .warn,
                "\(BootID.file) cannot be read: the upload of a session that is killed goes to quarantine and cannot be resumed, "
                    + "because nobody can tell whether the machine restarted meanwhile",
                fix: "let the gate read it: with systemd, take ProcSubset=pid out of its unit and drop-ins")
        ]
    }

    private var clock: Finding {
        switch dropgate_clock_synchronised() {
        case 1: Finding(Self.area, .ok, "the clock is synchronised")
        case 0:
            Finding(
                Self.area, .warn, "the clock is not synchronised: times in the ledger prove less",
                fix: "run an NTP client: `apt-get install chrony`, or `timedatectl set-ntp true`")
        default:
            Finding(
                Self.area, .warn, "whether the clock is synchronised cannot be asked here",
                fix: "see that the host of this container keeps its clock")
        }
    }

    /// The soft limit is raised to the hard one at start.
    private var files: Finding {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Finding(
                Self.area, .warn, "the limit of open files cannot be read", fix: "see `ulimit -Hn`")
        }
        // A connection of SFTP is a socket, sshd's log and its session's link.
        let console = settings.console == nil ? 0 : ConsoleSettings.mostConnections
        let needed =
            Self.own + console + (settings.webhook?.maxConnections ?? 0)
            + 4 * (settings.sftp?.maxConnections ?? 0)
        let has = limit.rlim_max == rlim_t.max ? Int.max : Int(clamping: limit.rlim_max)
        let text = "\(has == .max ? "any number of" : "\(has)") open files may be had, \(needed) are needed"
        return has >= needed
            ? Finding(Self.area, .ok, text)
            : Finding(
                Self.area, .warn, text,
                fix: "raise it (systemd: LimitNOFILE=\(needed * 2)), or lower max_connections")
    }

    private var user: Finding {
        getuid() == 0
            ? Finding(
                Self.area, .warn, "this is root; the gate needs no right of root",
                fix: "run it as a user of its own: Deploy/install.sh makes one")
            : Finding(Self.area, .ok, "runs as an ordinary user")
    }
}
