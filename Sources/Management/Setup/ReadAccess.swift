// What the group of `ledger.read_group` gets: ledger, checkpoints, sealed entries and public keys to read, and the gate's
// control socket to have its own accesses recorded. Private keys, staging and secrets stay closed by their own modes. Who was
// let in is written down, so that it can be shut out once the settings name it no more.
package import Files
import Foundation
import Ledger
package import Settings

package struct ReadAccess {
    private let settings: GateSettings

    private init(_ settings: GateSettings) { self.settings = settings }

    /// Opens what is there by now to the group that the settings name, and closes it to one that they named before. The gate's
    /// own user can do it where it is in the group; root's `init` always.
    package static func apply(_ settings: GateSettings) throws(FileError) {
        let access = ReadAccess(settings)
        let former = try access.former
        guard let name = settings.ledger.readGroup else {
            if let former { try access.close(to: former) }
            return
        }
        // One of this name that the system does not find now is not shut out for that.
        if let former, former.description != name { try access.close(to: former) }
        let group = try ReadGroup(named: name)
        if let former, former.description == name, former != group { try access.close(to: former) }
        try access.open(to: group)
    }

    /// The group that has been let in, as written down; nil where none has.
    package static func former(_ settings: GateSettings) -> ReadGroup? { try? ReadAccess(settings).former }

    // MARK: The record

    /// `NAME NUMBER`
    private var record: String { settings.state + "/read-group" }

    private var former: ReadGroup? {
        get throws(FileError) {
            guard try Presence.check(record) else { return nil }
            let words = try FileReading.text(record).split(whereSeparator: \.isWhitespace)
            guard words.count == 2, let number = gid_t(words[1]) else {
                throw FileError(message: "\(record) does not name a group and its number: remove it")
            }
            return ReadGroup(formerly: String(words[0]), number)
        }
    }

    // MARK: The places

    private func open(to group: ReadGroup) throws(FileError) {
        try write(group)
        if settings.state != settings.ledgerHandle.directory { try group.pass(directory: settings.state) }
        try settings.ledgerHandle.admitReaders()
        if try Presence.check(settings.runDirectory) { try group.pass(directory: settings.runDirectory) }
        let keys = LedgerKeys(settings)
        guard try keys.hasPublicKeys() else { return }
        try group.pass(directory: Paths.directory(of: keys.publicFile))
        try group.admit(file: keys.publicFile)
    }

    private func close(to group: ReadGroup) throws(FileError) {
        let keys = LedgerKeys(settings)
        for place in [
            keys.publicFile, Paths.directory(of: keys.publicFile), settings.runDirectory, settings.state,
        ] { try group.dismiss(from: place) }
        try settings.ledgerHandle.dismiss(group)
        guard unlink(record) == 0 || errno == ENOENT else {
            throw FileError(message: "cannot remove \(record): \(SystemError.last)")
        }
    }

    /// Before anything is opened.
    private func write(_ group: ReadGroup) throws(FileError) {
        let line = Array("\(group) \(group.number)\n".utf8)
        if (try? FileReading.bytes(record, limit: 1 << 10)) == line { return }
        do { try FileReplacement.write(line, to: record, mode: 0o600) } catch {
            throw FileError(
                message: "cannot write \(record): \(SystemError(of: error)?.description ?? "\(error)")")
        }
    }
}
