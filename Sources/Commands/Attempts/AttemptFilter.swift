// The filters of `dropgate attempts` as options, and the ledger query they mean.
import Admission
import ArgumentParser
import Ledger

struct AttemptFilter: ParsableArguments {
    @Option(help: ArgumentHelp("Not before: \(Moment.help).", valueName: "time"))
    var since: Moment?

    @Option(help: ArgumentHelp("Before: as for --since.", valueName: "time"))
    var until: Moment?

    @Option(help: ArgumentHelp("Source address or CIDR block; repeatable.", valueName: "cidr"))
    var source: [String] = []

    @Option(help: "accepted, rejected or observed; repeatable.")
    var verdict: [Verdict] = []

    @Option(help: "A reason, as in not_listed; repeatable.")
    var reason: [Reason] = []

    @Option(help: "webhook, sftp or console; repeatable.")
    var channel: [Channel] = []

    @Option(help: "An SFTP account; repeatable.")
    var account: [String] = []

    @Option(help: "connection, request, login, transfer, policy, service, access or probe; repeatable.")
    var kind: [EntryKind] = []

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
        return query
    }
}
