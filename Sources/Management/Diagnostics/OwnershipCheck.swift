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

    /// The gate's user, who is another one than this process's.
    private struct Gate {
        var user: uid_t
        var groups: Set<gid_t>

        /// nil: this process asks for itself.
        init?(_ settings: GateSettings, byOwner: Bool) {
            guard byOwner, let owner = SetupOwner(ofLedger: settings) else { return nil }
            (user, groups) = (owner.user, owner.groups)
        }
    }

    /// - Parameter byOwner: this process is not the gate; root looks in the place of the gate's user.
    static func findings(_ settings: GateSettings, byOwner: Bool) -> [Finding] {
        let gate = Gate(settings, byOwner: byOwner)
        guard gate != nil || mayBeGate(settings) else { return [] }
        return places(settings, ofAnother: gate != nil).compactMap { finding($0, gate) }
    }

    /// The first of these directories of staging that the gate cannot use, and why; nil where none is seen. No start asks this.
    static func barrier(_ directories: [String], _ settings: GateSettings) -> Finding? {
        let gate = Gate(settings, byOwner: true)
        let asks = gate != nil || mayBeGate(settings)
        for path in directories {
            // All of staging may lie behind a link.
            if path != settings.staging.path, let found = StagingLinkCheck.finding(path, start: .goesOn) {
                return found
            }
            if asks, let found = finding(Place(path: path, isNeeded: false), gate) { return found }
        }
        return nil
    }

    /// Who may not write there is no gate, and is told nothing.
    private static func mayBeGate(_ settings: GateSettings) -> Bool {
        access(settings.state, W_OK | X_OK) == 0
    }

    /// - Parameter gate: nil: this process asks for itself.
    private static func finding(_ place: Place, _ gate: Gate?) -> Finding? {
        guard let status = status(place.path), isClosed(place, status, to: gate),
            // What lies in the place of a directory is told by `StagingLinkCheck`.
            place.rights & X_OK == 0 || status.st_mode & S_IFMT == S_IFDIR
        else { return nil }
        let path = place.path
        let action = place.rights & W_OK == 0 ? "read" : "write"
        var finding: Finding
        let user = gate?.user ?? geteuid()
        if status.st_uid == user {
            finding = Finding(
                "filesystem", .fail, "its owner may not \(action) \(path)", fix: AccessAdvice.opening(path))
        } else {
            let name = SystemUser.name(of: status.st_uid) ?? "\(status.st_uid)"
            finding = Finding(
                "filesystem", .fail, "\(path) belongs to \(name), and the gate may not \(action) it",
                fix: AccessAdvice.handoverToGate(path, user))
        }
        finding.place = path
        finding.start = place.isNeeded ? .isRefused : .goesOn
        return finding
    }

    private static func isClosed(_ place: Place, _ status: stat, to gate: Gate?) -> Bool {
        guard let gate else { return access(place.path, place.rights) != 0 && errno == EACCES }
        // The first of these that is meant decides (path_resolution(7)).
        let shift: mode_t =
            if status.st_uid == gate.user { 6 } else if gate.groups.contains(status.st_gid) { 3 } else { 0 }
        let rights = mode_t(place.rights)
        guard status.st_mode >> shift & rights != rights else { return false }
        // What a list says of the gate's user is not asked.
        return status.st_uid == gate.user || !Presence.hasAccessList(place.path)
    }

    /// Where one is not there yet the gate makes it.
    /// - Parameter gate: the gate is another user than this one, who could read its files anyway.
    private static func places(_ settings: GateSettings, ofAnother gate: Bool) -> [Place] {
        let ledger = settings.ledgerHandle.directory
        var places = [Place(path: settings.layout.run), Place(path: settings.staging.path)]
        places += StagingLayout.directories.map { Place(path: "\(settings.staging.path)/\($0)") }
        if settings.sftp != nil { places += settings.layout.sshd.directories.map { Place(path: $0) } }
        if gate {
            // The gate's own user is told by what reads them.
            places += [
                StagingMark.known(inLedgerDirectory: ledger), StagingMark.place(in: settings.staging.path),
            ].map { Place(path: $0, rights: R_OK) }
            // Where it is the gate's, `LedgerCheck` tells what is not.
            places.append(Place(path: settings.ledger.path, rights: R_OK | W_OK))
        }
        // Without one of these an account waits.
        places += StagingLinkCheck.ofAccounts(settings.staging.path)
            .filter { StagingError.obstacle(at: $0) == nil }.map { Place(path: $0, isNeeded: false) }
        // Without these a gate goes on, with a problem.
        places.append(Place(path: settings.ledgerHandle.checkpointDirectory, isNeeded: false))
        if settings.forward.syslog != nil || settings.forward.file != nil {
            places.append(Place(path: settings.layout.forward, isNeeded: false))
        }
        return places
    }

    /// nil where it is not there, or cannot be looked at.
    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }
}
