// The groups of the system that the settings let in to something of the gate: auditors and consumers.
package import Files
package import Settings

package struct GroupAccess: Sendable {
    /// The setting that names the group.
    package let key: String
    private let group: @Sendable (GateSettings) -> (name: String?, isKnown: Bool)
    private let change: @Sendable (GateSettings) throws(FileError) -> Void

    package static let all = [
        GroupAccess(key: "ledger.read_group") {
            ($0.ledger.readGroup, $0.readers != nil)
        } change: {
            (settings) throws(FileError) in
            try ReadAccess.apply(settings)
        },
        GroupAccess(key: "staging.group") {
            ($0.staging.group, $0.consumers != nil)
        } change: {
            (settings) throws(FileError) in
            try ConsumerAccess.apply(settings)
        },
    ]

    private init(
        key: String, group: @escaping @Sendable (GateSettings) -> (name: String?, isKnown: Bool),
        change: @escaping @Sendable (GateSettings) throws(FileError) -> Void
    ) {
        self.key = key
        self.group = group
        self.change = change
    }

    /// Opens to the group that the settings name, and closes to one that they named before.
    package func apply(_ settings: GateSettings) throws(FileError) { try change(settings) }

    /// False where the settings name a group that the system does not know.
    package func isKnown(_ settings: GateSettings) -> Bool {
        let (name, isKnown) = group(settings)
        return name == nil || isKnown
    }
}
