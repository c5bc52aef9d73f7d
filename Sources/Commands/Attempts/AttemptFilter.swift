// The filters of `dropgate attempts` as options, and the ledger query they mean.
import Admission
import ArgumentParser
import Ledger

struct AttemptFilter: ParsableArguments {
    @Option(help: ArgumentHelp("From this time on: \(Moment.help).", valueName: "time"))
    var since: Moment?

    @Option(help: ArgumentHelp("Before this time; written as for --since.", valueName: "time"))
    var until: Moment?

    @Option(help: ArgumentHelp("Source address or CIDR block; repeatable.", valueName: "cidr"))
    var source: [String] = []

    @Option(help: "accepted, rejected or observed; repeatable.")
    var verdict: [Verdict] = []

    @Option(help: "A reason, as in not_listed; repeatable.")
    var reason: [Reason] = []

    @Option(help: "webhook, sftp or console; repeatable.")
    var channel: [Channel] = []

    @Option(help: "An SFTP account; repeatable.", transform: ArgumentText.notEmpty)
    var account: [String] = []

    @Option(help: "connection, request, login, transfer, policy, service, access or probe; repeatable.")
    var kind: [EntryKind] = []

    @Option(
        help: ArgumentHelp(
            "A source-list entry that matched, as in vsee-qatar/clinic; repeatable.", valueName: "id"),
        transform: ArgumentText.notEmpty)
    var entry: [String] = []

    @Option(
        help: ArgumentHelp("A drop that the entry is about or mentions; repeatable.", valueName: "id"),
        transform: ArgumentText.notEmpty)
    var drop: [String] = []

    @Option(
        help: ArgumentHelp(
            "Text that occurs anywhere in the entry's JSON; the case of ASCII letters does not matter.",
            valueName: "words"),
        transform: ArgumentText.notEmpty)
    var text: String?

    func query() throws -> LedgerQuery {
        var query = LedgerQuery()
        query.since = since?.instant
        query.until = until?.instant
        query.sources = try source.map(ArgumentText.block)
        query.verdicts = Set(verdict)
        query.reasons = Set(reason)
        query.channels = Set(channel)
        query.accounts = Set(account)
        query.kinds = Set(kind)
        query.entries = Set(entry)
        query.drops = Set(drop)
        query.text = text
        return query
    }

    /// What was meant by times that are local.
    var timeNotes: [String] { Moment.notes(since: since, until: until) }

    /// The filters as they could be typed, with times worked out: what an export's entry says of them.
    var asText: String {
        var words: [String] = []
        func add(_ option: String, _ values: [String]) {
            for value in values { words.append("--\(option) \(value)") }
        }
        add("since", [since].compactMap(\.?.instant.description))
        add("until", [until].compactMap(\.?.instant.description))
        add("source", source)
        add("verdict", verdict.map(\.rawValue))
        add("reason", reason.map(\.rawValue))
        add("channel", channel.map(\.rawValue))
        add("account", account)
        add("kind", kind.map(\.rawValue))
        add("entry", entry)
        add("drop", drop)
        add("text", [text].compactMap(\.self))
        return words.joined(separator: " ")
    }
}
