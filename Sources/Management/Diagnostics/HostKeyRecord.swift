// The SFTP host keys that a gate showed, as the entries of its starts have them: who pinned one that is gone connects no more.
package import Admission
package import JSON
package import Ledger
package import SFTPReceiver

package struct HostKeyRecord: Sendable, Hashable {
    /// The members of a start's detail: the keys, and those of the start before where they differ.
    package static let member = "host_keys"
    package static let beforeMember = "host_keys_before"

    /// `ssh-ed25519 SHA256:…`, sorted.
    package var keys: [String]

    package init(keys: some Sequence<String>) { self.keys = Set(keys).sorted() }

    /// Those that callers are shown.
    package init(_ examined: HostKeys.Examined) {
        self.init(
            keys: examined.compactMap { try? $0.outcome.get() }.map { "\($0.type) \($0.fingerprint)" })
    }

    /// nil unless it is a list of texts.
    init?(_ value: JSONValue?) {
        guard let list = value?.array else { return nil }
        self.init(keys: list.compactMap(\.string))
    }

    package var json: JSONValue { .array(keys.map(JSONValue.string)) }

    /// What has changed.
    package struct Change: Sendable, Hashable {
        /// A key is gone that callers may have pinned.
        package var breaksCallers: Bool
        package var text: String
    }

    /// nil when nothing has. Nothing can be said of a record without keys.
    package func change(from before: HostKeyRecord) -> Change? {
        let gone = before.keys.filter { !keys.contains($0) }
        let new = keys.filter { !before.keys.contains($0) }
        guard !before.keys.isEmpty, !(gone.isEmpty && new.isEmpty) else { return nil }
        guard !gone.isEmpty else {
            return Change(
                breaksCallers: false,
                text: "SFTP has more host keys than at the last start: \(new.joined(separator: ", "))")
        }
        let now = new.isEmpty ? "none is new" : "new: \(new.joined(separator: ", "))"
        return Change(
            breaksCallers: true,
            text:
                "the SFTP host keys differ from those of the last start: gone: \(gone.joined(separator: ", ")); "
                + "\(now); a client that pinned a key that is gone refuses to connect: tell VSee")
    }

    /// A start whose entry has its keys.
    package struct Start: Sendable {
        package var seq: Int64
        package var time: Instant
        package var keys: HostKeyRecord
        /// Those of the start before, where they differed.
        package var before: HostKeyRecord?
    }

    /// The newest start that says its keys, also where its entry is sealed; nil when there is none. Blocking.
    package static func last(in reader: any LedgerReading) throws -> Start? {
        guard let (entry, detail, keys) = try newest([.started], in: reader) else { return nil }
        return Start(
            seq: entry.seq, time: entry.time, keys: keys, before: HostKeyRecord(detail?[beforeMember]))
    }

    /// The keys of the newest start or stop that says them, of entries that are not sealed: a gate's start does not wait for
    /// their being unpacked. nil: no gate has said any. Throws `LedgerError`, also where only sealed entries can
    /// tell. Blocking.
    package static func shown(in reader: any LedgerReading) throws -> HostKeyRecord? {
        if let newest = try newest([.started, .stopped], sealed: false, in: reader) { return newest.keys }
        guard try !reader.hasSealedEntries() else {
            throw LedgerError(.unreadable, "the entries that name them are sealed")
        }
        return nil
    }

    private static func newest(
        _ reasons: Set<Reason>, sealed: Bool = true, in reader: any LedgerReading
    ) throws -> (entry: StoredEntry, detail: JSONValue?, keys: HostKeyRecord)? {
        var query = LedgerQuery()
        query.order = .newestFirst
        query.kinds = [.service]
        query.reasons = reasons
        query.text = member
        query.limit = 1
        query.sealed = sealed
        guard let entry = try reader.entries(query).first else { return nil }
        let detail = try entry.value()["detail"]
        return HostKeyRecord(detail?[member]).map { (entry, detail, $0) }
    }
}
