// Whose the parts of a gate are that root makes. Settings, lists and accounts stay root's and are the gate's to read;
// the state is the gate's. What lies in a directory of another user is made as that user, so that no link planted there
// leads root's hand elsewhere.
import CShims
package import Files
package import Foundation
import Ledger
package import Settings

package struct SetupOwner: Sendable {
    package let user: uid_t
    package let group: gid_t

    /// Who owns a directory that is not root's; nil for root's, for what is not there, and where this process is not root.
    /// - Parameter readers: a group that the directory may have been given to, which is not its owner's.
    package init?(of directory: String, readers: AccessGroup? = nil) {
        var status = stat()
        guard geteuid() == 0, stat(directory, &status) == 0, status.st_uid != 0 else { return nil }
        user = status.st_uid
        let isForReaders = readers?.holds(status) == true
        group = isForReaders ? getpwuid(user)?.pointee.pw_gid ?? status.st_gid : status.st_gid
    }

    /// Whose a gate's state is. nil as for any directory.
    init?(ofState settings: GateSettings) { self.init(of: settings.state, settings) }

    /// Who writes a gate's ledger: the owner of its file, or of the state where there is none yet. A file of root's has root for its
    /// writer only where the lock is root's, too, as of a gate that runs as root; else root has put it back, and it is to be the
    /// state's owner's. nil as for any directory.
    package init?(ofLedger settings: GateSettings) {
        let ledger = settings.ledgerHandle
        let isWriters = Presence.owner(of: settings.ledger.path).map {
            $0 != 0 || Presence.owner(of: ledger.lock) == 0
        }
        self.init(of: isWriters == true ? settings.ledger.path : settings.state, settings)
    }

    private init?(of place: String, _ settings: GateSettings) {
        self.init(of: place, readers: settings.readers ?? ReadAccess.former(settings))
    }

    /// Goes on as this user, for good.
    /// - Parameter groups: those that the user may give files to meanwhile.
    package func become(with groups: [AccessGroup] = []) throws {
        guard join(groups), setgid(group) == 0, setuid(user) == 0 else { throw failure(.last) }
    }

    /// Those of the user, as the system knows them.
    var groups: Set<gid_t> {
        let known = SystemUser.groups(of: user)
        return known.isEmpty ? [group] : known
    }

    /// Takes the user's own groups and these.
    func join(_ groups: [AccessGroup]) -> Bool {
        var all = groups.map(\.number)
        if let name = getpwuid(user)?.pointee.pw_name {
            guard initgroups(name, group) == 0 else { return false }
            all += Self.groupsOfProcess
        }
        return setgroups(all.count, all) == 0
    }

    /// Beside its own one.
    static var groupsOfProcess: [gid_t] {
        var groups = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
        let count = getgroups(Int32(groups.count), &groups)
        return Array(groups.prefix(Int(max(0, count))))
    }

    func failure(_ error: SystemError) -> ManagementError {
        ManagementError(.internalError, "cannot go on as the user \(user): \(error)")
    }

    /// Lets the gate read what root has made of its configuration, and change none of it: 0750 and 0640.
    package func admit(to made: [String]) throws {
        for path in made {
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            let mode: mode_t = status.st_mode & S_IFMT == S_IFDIR ? 0o750 : 0o640
            guard lchown(path, 0, group) == 0, chmod(path, mode) == 0 else {
                throw ManagementError(
                    .internalError, "cannot let the gate read \(path): \(SystemError.last)")
            }
        }
    }
}
