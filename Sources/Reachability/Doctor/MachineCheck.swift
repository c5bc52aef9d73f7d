// What the machine gives the gate: a clock that is kept, open files, a user that is not root, and the name of its start.
import CShims
import Files
import Foundation
package import Settings

package struct MachineCheck {
    private static let area = "machine"

    private let settings: GateSettings
    private let openFiles: Int?

    /// - Parameter openFiles: that the running gate may have; nil where that is not known.
    package init(_ settings: GateSettings, openFiles: Int? = nil) {
        self.settings = settings
        self.openFiles = openFiles
    }

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
                Self.area, .warn, "it cannot be found out here whether the clock is synchronised",
                fix: "check that the host of this container keeps its clock synchronised")
        }
    }

    /// Of the running gate, or of this process, whose soft limit a start raises to the hard one.
    package var files: Finding {
        guard let has = openFiles ?? FileAllowance.limits?.hard else {
            return Finding(
                Self.area, .warn, "the limit of open files cannot be read", fix: "see `ulimit -Hn`")
        }
        let needed = FileAllowance.needed(settings)
        let whose = openFiles == nil ? "" : " for the running gate"
        let text =
            "\(has == .max ? "any number of" : "\(has)") open files are allowed\(whose), \(needed) are needed"
        return has >= needed
            ? Finding(Self.area, .ok, text)
            : Finding(
                Self.area, .warn, text,
                fix: "raise it (systemd: LimitNOFILE=\(needed * 2)), or lower max_connections")
    }

    private var user: Finding {
        getuid() == 0
            ? Finding(
                Self.area, .warn, "this runs as root; the gate needs no root rights",
                fix: "run it as a user of its own: Deploy/install.sh makes one")
            : Finding(Self.area, .ok, "runs as an ordinary user")
    }
}
