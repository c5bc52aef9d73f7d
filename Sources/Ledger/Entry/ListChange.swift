// An entry that says which source lists are in force: the gate's start, or a change that a running gate took over. Pure.
package import Admission
import JSON

/// What a command wrote into a list file is no such entry: it names no lists (`policy`), and nothing is in force by it.
package struct ListChange: Sendable {
    /// A member of the detail of the entry of bad lists: the version of good ones before them that could not be put in force, and
    /// whose refusals count beside the lists in force until good lists come.
    package static let narrowingMember = "narrowed_by"

    /// - Parameter version: that of the good lists.
    package static func narrowingWords(_ version: String) -> String {
        "callers that the lists \(version) refuse are refused, too: those lists were good, but could not be recorded"
    }

    package let seq: Int64
    package let time: Instant
    /// The version of the lists that are in force from here on, `sha256:…`.
    package let version: String
    /// The version before; nil where the entry tells none, as a start does that found its lists in force.
    package let before: String?
    package let isStart: Bool
    /// "+ …", "- …" and "~ …", one for each list entry (`Policy.difference`). Empty where the lists before were not known.
    package let difference: [String]
    /// Recent callers that it refuses; an entry names some of them.
    package let refuses: [DecisionChange]
    /// How many these are in all.
    package let refusesCount: Int64
    /// Why there may be more; nil when all recent callers were looked at.
    package let gap: String?

    /// Which entries may be one.
    package static var query: LedgerQuery {
        var query = LedgerQuery()
        query.kinds = [.service, .policy]
        query.reasons = [.started, .changed]
        query.verdicts = [.accepted]
        return query
    }

    /// nil for another entry, also for one that says that lists are good again, and are those that were in force.
    package init?(_ stored: StoredEntry) throws {
        let entry = try stored.value()
        let kind = entry["kind"]?.string.flatMap(EntryKind.init(rawValue:))
        let reason = entry["reason"]?.string.flatMap(Reason.init(rawValue:))
        // A change of kind `service` is one of keys or of the clock: it names lists that were in force already.
        guard entry["verdict"]?.string == Verdict.accepted.rawValue, let version = entry["policy"]?.string,
            (kind == .service && reason == .started) || (kind == .policy && reason == .changed)
        else { return nil }
        let detail = entry["detail"]
        isStart = kind == .service
        before = detail?["from"]?.string
        if !isStart, before == version { return nil }
        (seq, time, self.version) = (stored.seq, stored.time, version)
        difference = detail?["diff"]?.array?.compactMap(\.string) ?? []
        refuses = detail?[DecisionChange.refusesMember]?.array?.compactMap(DecisionChange.init) ?? []
        refusesCount = max(detail?[DecisionChange.countMember]?.int ?? 0, Int64(refuses.count))
        gap = detail?[DecisionChange.gapMember]?.string
    }

    /// Whether other lists were in force before; a start may have found its own, or not know.
    package var changesLists: Bool { before != nil && before != version }

    /// Whether it says that it refuses a caller from now on.
    func refuses(_ source: IPAddress, on channel: Channel) -> Bool {
        refuses.contains { !$0.isLetIn && $0.source == source && $0.channel == channel }
    }

    /// Whether it may be why a caller is refused, by what it says of list entries that hold the address.
    func mayRefuse(_ source: IPAddress) -> Bool {
        difference.isEmpty || !lines(refusing: source).isEmpty
    }

    /// Whether it takes away a list entry of one of these ids that holds the address, or changes what it decides.
    func touches(_ ids: [String], holding source: IPAddress) -> Bool {
        lines(refusing: source).contains { line in ids.contains(where: line.isOf) }
    }

    private func lines(refusing source: IPAddress) -> [DifferenceLine] {
        difference.map(DifferenceLine.init).filter { $0.mayRefuse && $0.mayHold(source) }
    }
}
