// What the group of `ledger.read_group` gets: ledger, checkpoints, sealed entries and public keys to read, and the gate's
// control socket to have its own accesses recorded. Private keys, staging and secrets stay closed by their own modes. Who was
// let in is written down, so that it can be shut out once the settings name it no more.
package import Files
import Ledger
package import Settings

package struct ReadAccess {
    private let settings: GateSettings

    private init(_ settings: GateSettings) { self.settings = settings }

    /// Opens what is there by now to the group that the settings name, and closes it to one that they named before. The gate's
    /// own user can do it where it is in the group; root's `init` always.
    static func apply(_ settings: GateSettings) throws(FileError) {
        let access = ReadAccess(settings)
        try access.record.apply(settings.ledger.readGroup) { (group, _) throws(FileError) in
            try access.open(to: group)
        } close: { (group) throws(FileError) in
            try access.close(to: group)
        }
    }

    /// The group that has been let in, as written down; nil where none has.
    package static func former(_ settings: GateSettings) -> AccessGroup? {
        (try? ReadAccess(settings).record.read())?.group
    }

    private var record: GroupRecord { GroupRecord(path: settings.layout.readGroup) }

    // MARK: The places

    private func open(to group: AccessGroup) throws(FileError) {
        if settings.state != settings.ledgerHandle.directory {
            try group.admit(directory: settings.state, to: .pass)
        }
        try settings.ledgerHandle.admitReaders()
        if try Presence.check(settings.layout.run) {
            try group.admit(directory: settings.layout.run, to: .pass)
        }
        let keys = LedgerKeys(settings)
        guard try keys.hasPublicKeys() else { return }
        try group.admit(directory: Paths.directory(of: keys.publicFile), to: .pass)
        try group.admit(file: keys.publicFile)
    }

    private func close(to group: AccessGroup) throws(FileError) {
        let keys = LedgerKeys(settings)
        for place in [
            keys.publicFile, Paths.directory(of: keys.publicFile), settings.layout.run, settings.state,
        ] { try group.dismiss(from: place) }
        try settings.ledgerHandle.dismiss(group)
    }
}
