// What root changes in the state while no gate runs it does as the state's owner: the ledger's lock, checkpoints, what SQLite keeps
// beside its file and what staging gets are files that the gate must be able to open.
import Files
import Foundation
import Settings

/// This process is the owner of a state until `end`: all of it, with each of its threads.
struct StateOwnership: Sendable {
    private let group: gid_t
    private let groups: [gid_t]

    /// nil where there is nothing to take over: this process is not root, or the ledger is root's.
    /// - Parameter settings: their groups may be given files.
    static func take(of settings: GateSettings) throws -> StateOwnership? {
        guard let owner = SetupOwner(ofLedger: settings) else { return nil }
        let root = StateOwnership(group: getegid(), groups: SetupOwner.groupsOfProcess)
        // access(2) goes by the real user, open(2) by the effective one. The saved one stays root.
        guard owner.join(settings.groups), setgid(owner.group) == 0, setreuid(owner.user, 0) == 0,
            seteuid(owner.user) == 0
        else {
            let error = SystemError.last
            root.end()
            throw owner.failure(error)
        }
        return root
    }

    /// Root again: what was asked for may go where root alone may write. The system refuses this to nobody whose saved user is root.
    func end() {
        guard seteuid(0) == 0 else { return }
        _ = setuid(0)
        _ = setgid(group)
        _ = setgroups(groups.count, groups)
    }
}
