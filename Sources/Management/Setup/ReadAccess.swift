// What the group of `ledger.read_group` gets: ledger, checkpoints, sealed entries and public keys to read, and the gate's
// control socket to have its own accesses recorded. Private keys, staging and secrets stay closed by their own modes.
package import Files
import Ledger
package import Settings

package struct ReadAccess {
    private let settings: GateSettings
    private let group: ReadGroup

    /// nil where the settings name no group. Throws where the system does not know it.
    package init?(_ settings: GateSettings) throws(FileError) {
        guard let name = settings.ledger.readGroup else { return nil }
        self.settings = settings
        group = try ReadGroup(named: name)
    }

    /// Opens what is there by now. The gate's own user can do it where it is in the group; root's `init` always.
    package func apply() throws(FileError) {
        if settings.state != settings.ledgerHandle.directory { try group.pass(directory: settings.state) }
        try settings.ledgerHandle.admitReaders()
        if try Presence.check(settings.runDirectory) { try group.pass(directory: settings.runDirectory) }
        let keys = LedgerKeys(settings)
        guard try keys.hasPublicKeys() else { return }
        try group.pass(directory: Paths.directory(of: keys.publicFile))
        try group.admit(file: keys.publicFile)
    }
}
