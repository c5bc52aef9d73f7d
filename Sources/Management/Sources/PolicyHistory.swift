// Which source lists were in force at a moment: the newest entry of a start or a change says their version, and the archive
// beside the ledger has them. What is not known is said to be unknown; today's lists never stand in for it.
package import Admission
import JSON
package import Ledger

/// Why the lists of a version cannot be shown, for after "is not known: ".
package struct PolicyUnknown: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// Methods throw `LedgerError`.
package struct PolicyHistory: Sendable {
    /// What was in force, and by which entry.
    package struct Standing: Sendable {
        /// `sha256:…`
        package var version: String
        /// The entry of the start or of the change by which it came into force, and when.
        package var seq: Int64
        package var since: Instant
        package var isStart: Bool
        /// The gate had stopped then, and not started again.
        package var stopped: Instant?
        /// The gate ended somewhen between these without a stop; the moment that was asked about lies there.
        package var silence: Range<Instant>?
        package var policy: Result<Policy, PolicyUnknown>
    }

    private let reader: any LedgerReading
    private let archive: PolicyArchive

    package init(_ reader: any LedgerReading, _ archive: PolicyArchive) {
        self.reader = reader
        self.archive = archive
    }

    /// What was in force at a moment; while the gate was stopped, what was before. nil: no entry says so, because the gate
    /// had not started yet or retention has removed the entries.
    package func standing(at moment: Instant) throws -> Standing? {
        var query = LedgerQuery()
        query.until = Instant(microseconds: moment.microseconds + 1)
        guard var standing = try newest(query) else { return nil }
        if standing.stopped == nil { standing.silence = try reader.silence(around: moment) }
        return standing
    }

    /// What was in force when an entry was written.
    package func standing(before seq: Int64) throws -> Standing? {
        var query = LedgerQuery()
        query.below = seq + 1
        return try newest(query)
    }

    /// What the newest start or change put in force, also where its entry is sealed: then this takes as long as unpacking all
    /// entries since.
    package func newest() throws -> Standing? { try newest(LedgerQuery()) }

    /// What the gate's newest entry that names lists says.
    package struct Last: Sendable {
        /// `sha256:…`
        package var version: String
        /// Whether it is the entry of a stop, and nothing came after it.
        package var isStop: Bool
    }

    /// The lists that were in force last, by entries that are not sealed: a gate's start does not wait for their being unpacked.
    /// A start and a change may be sealed while what came after them is not, and stops name the lists, too, as do other
    /// entries of the gate's own. Callers' entries do not count: they name the lists that let them in, which may be older.
    /// nil: no gate has run. Throws `PolicyUnknown` where only sealed entries can tell, and `LedgerError`.
    package func last() throws -> Last? {
        var query = LedgerQuery()
        query.kinds = ListChange.query.kinds
        query.sealed = false
        if let (version, entry) = try newestNaming(query) {
            return Last(version: version, isStop: entry["reason"]?.string == Reason.stopped.rawValue)
        }
        guard try !reader.hasSealedEntries() else {
            throw PolicyUnknown(description: "all entries of the gate that name its lists are sealed")
        }
        return nil
    }

    /// The version of good lists whose refusals count beside the lists in force, by the gate's newest word since these came into
    /// force: bad ones followed before the good ones could be recorded. nil: none.
    /// - Parameter moment: words after it do not count.
    package func narrowing(since standing: Standing, at moment: Instant? = nil) throws -> String? {
        var query = LedgerQuery()
        query.kinds = [.policy]
        query.above = standing.seq
        query.until = moment.map { Instant(microseconds: $0.microseconds + 1) }
        return try newestNaming(query)?.entry["detail"]?[ListChange.narrowingMember]?.string
    }

    /// The lists of a version that an entry names.
    package func policy(_ version: String) -> Result<Policy, PolicyUnknown> {
        switch archive.policy(version) {
        case .kept(let policy): return .success(policy)
        case .unusable(let problem): return .failure(PolicyUnknown(description: problem))
        case .absent:
            return .failure(
                PolicyUnknown(
                    description:
                        "the lists of version \(version) are not kept in \(archive.directory): they were in "
                        + "force before the gate kept its lists, or the file was removed"))
        }
    }

    // MARK: Entries

    private func newest(_ query: LedgerQuery) throws -> Standing? {
        var query = query
        query.kinds = ListChange.query.kinds
        query.reasons = ListChange.query.reasons.union([.stopped])
        query.verdicts = ListChange.query.verdicts
        query.order = .newestFirst
        // Nearly always the newest one says it, or the one before; what lies behind may be sealed, and takes long to read.
        query.limit = 1
        var stopped: Instant?
        return try first(query) { stored in
            if let change = try ListChange(stored) {
                return Standing(
                    version: change.version, seq: change.seq, since: change.time, isStart: change.isStart,
                    stopped: stopped, policy: policy(change.version))
            }
            if try stored.value()["reason"]?.string == Reason.stopped.rawValue {
                stopped = stopped ?? stored.time
            }
            return nil
        }
    }

    /// The newest entry that names lists: what commands write names none.
    private func newestNaming(_ query: LedgerQuery) throws -> (version: String, entry: JSONValue)? {
        var query = query
        query.order = .newestFirst
        query.limit = 8
        return try first(query) { stored in
            let entry = try stored.value()
            return entry["policy"]?.string.map { (version: $0, entry: entry) }
        }
    }

    /// What is found in the first entry, in the query's order, in which anything is.
    /// - Parameter query: its limit is that of the first page; the later ones are larger.
    private func first<Found>(_ query: LedgerQuery, _ find: (StoredEntry) throws -> Found?) throws -> Found? {
        var query = query
        while true {
            let page = try reader.entries(query)
            for stored in page {
                if let found = try find(stored) { return found }
            }
            guard page.count == query.limit, let last = page.last else { return nil }
            query.after = last.seq
            query.limit = min(64, query.limit * 8)
        }
    }
}
