// What a gate reads and writes and may not: somebody has copied it as root, made it by hand, or changed its mode.
import Files
import Glibc
import Ledger
import Reachability
import Settings
import Staging

enum OwnershipCheck {
    /// A part of the gate's state.
    private struct Place {
        var path: String
        /// R_OK and so on (access(2)).
        var rights = R_OK | W_OK | X_OK
        /// Without it no gate starts.
        var isNeeded = true
    }

    /// - Parameter byOwner: this process is not the gate; root looks in the place of the gate's user.
    static func findings(_ settings: GateSettings, byOwner: Bool) -> [Finding] {
        let gate = byOwner ? SetupOwner(ofLedger: settings)?.user : nil
        // Who may not write there is no gate, and is told nothing.
        guard gate != nil || access(settings.state, W_OK | X_OK) == 0 else { return [] }
        return places(settings, ofAnother: gate != nil).compactMap { finding($0, gate, settings) }
    }

    /// - Parameter gate: nil: this process asks for itself.
    private static func finding(_ place: Place, _ gate: uid_t?, _ settings: GateSettings) -> Finding? {
        guard let status = status(place.path), isClosed(place, status, to: gate),
            // What lies in the place of a directory is told by `StagingLinkCheck`.
            place.rights & X_OK == 0 || status.st_mode & S_IFMT == S_IFDIR
        else { return nil }
        let path = place.path
        let action = place.rights & W_OK == 0 ? "read" : "write"
        var finding: Finding
        if status.st_uid == gate ?? geteuid() {
            finding = Finding(
                "filesystem", .fail, "its owner may not \(action) \(path)", fix: "chmod u+rwX \(path)")
        } else {
            let name = SystemUser.name(of: status.st_uid) ?? "\(status.st_uid)"
            let all = status.st_mode & S_IFMT == S_IFDIR ? "-R " : ""
            finding = Finding(
                "filesystem", .fail, "\(path) belongs to \(name), and the gate may not \(action) it",
                fix: "give it to the gate's user: chown \(all)--reference=\(settings.state) \(path)")
        }
        finding.isFatal = place.isNeeded
        return finding
    }

    private static func isClosed(_ place: Place, _ status: stat, to gate: uid_t?) -> Bool {
        guard let gate else { return access(place.path, place.rights) != 0 && errno == EACCES }
        // Of others' files nothing is asked but whether everybody may read them: the gate's groups are not looked into.
        if status.st_uid != gate { return place.rights != R_OK || status.st_mode & 0o004 == 0 }
        let rights = mode_t(place.rights) << 6
        return status.st_mode & rights != rights
    }

    /// Where one is not there yet the gate makes it.
    /// - Parameter gate: the gate is another user than this one, who could read its files anyway.
    private static func places(_ settings: GateSettings, ofAnother gate: Bool) -> [Place] {
        let ledger = settings.ledgerHandle.directory
        var places = [Place(path: settings.runDirectory), Place(path: settings.staging.path)]
        places += StagingLayout.directories.map { Place(path: "\(settings.staging.path)/\($0)") }
        if settings.sftp != nil {
            places += ["", "/home", "/keys"].map { Place(path: "\(settings.state)/sshd\($0)") }
        }
        if gate {
            // The gate's own user is told by what reads them.
            places += [
                StagingMark.known(inLedgerDirectory: ledger), StagingMark.place(in: settings.staging.path),
            ].map { Place(path: $0, rights: R_OK) }
        }
        // Without these a gate goes on, with a problem.
        places.append(Place(path: "\(ledger)/checkpoints", isNeeded: false))
        if settings.forward.syslog != nil || settings.forward.file != nil {
            places.append(Place(path: settings.forwardDirectory, isNeeded: false))
        }
        return places
    }

    /// nil where it is not there, or cannot be looked at.
    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }
}
