// What the group of `staging.group` gets: files in `ready/` to take, receipts to read, and `taken/` for what it has taken. The way
// there is opened to it too where it leads through the gate's state directory, and nothing else of that.
import Files
import Settings
import Staging

package enum ConsumerAccess {
    /// Opens what is there by now to the group that the settings name, and closes it to one that they named before. The gate's
    /// own user can do it where it is in the group; root's `init` always.
    static func apply(_ settings: GateSettings) throws(FileError) {
        let staging = Self.staging(settings)
        let record = GroupRecord(path: settings.layout.stagingGroup)
        try record.apply(settings.staging.group) { (group, isNew) throws(FileError) in
            for directory in way(settings) { try group.pass(through: directory) }
            try Consumers(group).open(staging, isNew: isNew)
        } close: { (group) throws(FileError) in
            for directory in way(settings) { try group.endPassing(through: directory) }
            try Consumers(group).close(staging)
        }
    }

    /// The staging directory itself, where the settings name a link to it.
    static func staging(_ settings: GateSettings) -> String {
        Paths.real(settings.staging.path) ?? settings.staging.path
    }

    /// Whether the gate opens a directory to the group itself.
    static func isOwn(_ path: String, _ settings: GateSettings) -> Bool {
        let state = Paths.real(settings.state) ?? settings.state
        return path == state || path.hasPrefix(state + "/") || path == staging(settings)
    }

    /// The gate's own directories above the staging directory, the state directory the last of them.
    private static func way(_ settings: GateSettings) -> [String] {
        Paths.above(staging(settings)).filter { isOwn($0, settings) }
    }
}
