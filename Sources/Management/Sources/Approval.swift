// Who answers for the list entries by which an attempt was let in, as they were when it came.
package import Admission
package import JSON
package import Ledger

package struct Approval: Sendable {
    /// The attempt's entry.
    package let entry: StoredEntry
    package let verdict: String
    package let reason: String
    package let source: IPAddress?
    package let channel: Channel?
    package let drop: (id: String, name: String)?
    /// Where the drop was fetched, and the number of its entry in that gate's ledger: that gate let it in.
    package let pulled: (from: String, seq: Int64?)?
    /// Identifiers of the list entries on which the verdict rests.
    package let ids: [String]
    /// The lists that decided; nil for an entry on which no list decided.
    package let lists: SourceLists?
    /// The list entries of those ids that hold the source, as they were in force.
    package let listEntries: [SourceEntry]

    /// Throws `LedgerError`, or `JSONValueError` for an entry that this program does not understand.
    init(_ stored: StoredEntry, history: PolicyHistory) throws {
        let value = try stored.value()
        entry = stored
        verdict = value["verdict"]?.string ?? ""
        reason = value["reason"]?.string ?? ""
        source = value["source"]?["ip"]?.string.flatMap { try? IPAddress($0) }
        channel = value["channel"]?.string.flatMap(Channel.init(rawValue:))
        drop = value["drop"]?["id"]?.string.map { ($0, value["drop"]?["name"]?.string ?? "") }
        pulled = value["detail"]?["pulled_from"]?.string.map { ($0, value["detail"]?["pulled_seq"]?.int) }
        ids = value["entries"]?.array?.compactMap(\.string) ?? []
        guard let version = value["policy"]?.string else {
            lists = nil
            listEntries = []
            return
        }
        // The lists that the entry names, even where others were in force when it was written: an upload takes its time.
        let standing = try history.standing(before: stored.seq)
        var lists = SourceLists(standing, at: stored.time)
        if standing?.version != version {
            lists.standing = nil
            lists.version = version
            lists.notes = [
                "decided by other lists than the last start or change before this entry put in force"
            ]
        }
        lists.policy = history.policy(version)
        self.lists = lists
        let (source, channel, ids) = (source, channel, ids)
        // What would have matched on another channel is an answer, too.
        let isRejected = verdict == Verdict.rejected.rawValue
        listEntries = ((try? lists.policy.get())?.entries ?? []).filter { entry in
            ids.contains(entry.id) && source.map(entry.cidr.contains) ?? true
                && (channel.map(entry.channels.contains) ?? true || isRejected)
        }
    }

    /// Whether it was let in, and what the lists said of it, where they decided, is known.
    package var isLetIn: Bool {
        guard verdict != Verdict.rejected.rawValue else { return false }
        if case .failure? = lists?.policy { return false }
        return true
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "seq": .int(entry.seq), "time": .string(entry.time.description), "verdict": .string(verdict),
            "reason": .string(reason), "entries": .array(ids.map(JSONValue.string)),
            "list_entries": .array(listEntries.map { $0.json(at: entry.time) }),
        ]
        members["source"] = source.map { .string($0.description) }
        members["channel"] = channel.map { .string($0.rawValue) }
        members["drop"] = drop.map { .object(["id": .string($0.id), "name": .string($0.name)]) }
        members["pulled_from"] = pulled.map { .string($0.from) }
        members["pulled_seq"] = pulled?.seq.map(JSONValue.int)
        members["lists"] = lists?.json
        return .object(members)
    }
}
