// Who may call in: the source lists, the decision on an address, and changes of a list.
package import Admission
package import Settings

/// Methods throw `ManagementError` or `SettingsErrors`.
package struct SourceService: Sendable {
    private let settings: GateSettings

    package init(_ settings: GateSettings) { self.settings = settings }

    /// The policy of the lists as they are now.
    package func policy() throws -> Policy { try PolicyLoader.load(files: settings.sources) }

    /// The decision on a connection, on each of these channels.
    package func explain(
        _ question: SourceQuestion, on channels: [Channel], at moment: Instant = .now()
    ) throws -> [(channel: Channel, decision: Decision)] {
        let policy = try policy()
        return try channels.map { channel in
            let resolution = try SourceResolution(question, channel: channel, settings: settings).resolution()
            return (channel, Decision.decide(resolution, channel: channel, policy: policy, at: moment))
        }
    }

    /// Adds an entry to the end of a list, and returns it as it was read back.
    /// - Parameters:
    ///   - list: the list's name or file; nil where there is only one.
    ///   - attribution: who adds it and why, for the ledger.
    ///   - warn: told of what could not be recorded.
    ///   - entry: made for the list's name.
    package func add(
        to list: String?, by attribution: Attribution, warn: @escaping @Sendable (String) -> Void,
        _ entry: (String) throws -> SourceEntry
    ) async throws -> SourceEntry {
        let editor = try ListChoice.editor(list, of: settings)
        let entry = try entry(editor.name)
        let added = try ListChoice.change { try editor.add(entry) }
        _ = try policy()
        await record("source add", editor.path, ["+ \(added.summary)"], attribution, warn)
        return added
    }

    /// Removes the entries of a block, of one service or of all, and returns them.
    /// - Parameters:
    ///   - attribution: who removes them and why, for the ledger.
    ///   - warn: told of what could not be recorded.
    package func remove(
        _ block: CIDRBlock, service: String?, from list: String?, by attribution: Attribution,
        warn: @escaping @Sendable (String) -> Void
    ) async throws -> [SourceEntry] {
        let editor = try ListChoice.editor(list, of: settings)
        let removed = try ListChoice.change { try editor.remove(block, service: service) }
        _ = try policy()
        await record("source remove", editor.path, removed.map { "- \($0.summary)" }, attribution, warn)
        return removed
    }

    private func record(
        _ command: String, _ file: String, _ lines: [String], _ attribution: Attribution,
        _ warn: @escaping @Sendable (String) -> Void
    ) async {
        await Authority.recordChange(
            ManagedChange(command, file: file, lines: lines), by: attribution, settings: settings, warn: warn)
    }
}
