// The tables of a report, as rows of plain text: what its text and its page both show. Pure.
import Admission
import Ledger

struct ReportTable: Sendable {
    var title: String
    var header: [String]
    var rows: [[String]]
    /// What stands in place of the table when there is no row.
    var empty: String
    /// Columns of numbers.
    var numeric: Set<Int> = []
    /// Columns of short words and times, which are not broken.
    var whole: Set<Int> = []
    /// Rows that were left out.
    var omitted = 0
    /// Rows of the report's JSON at most.
    var most = Int.max
}

extension Report {
    static let mostRows = 50

    var tables: [ReportTable] {
        [sourceTable, entryTable, loginTable, changeTable, serviceTable, exportTable]
    }

    private var sourceTable: ReportTable {
        ReportTable(
            title: "Sources",
            header: ["source", "channel", "accepted", "rejected", "observed", "reasons", "last", ""],
            rows: sources.prefix(Self.mostRows).map { source in
                [
                    source.caller.name ?? "-", source.channel?.rawValue ?? "-", "\(source.accepted)",
                    "\(source.rejected)", "\(source.observed)",
                    source.reasons.prefix(3).map { "\($0.reason.rawValue) \($0.count)" }.joined(
                        separator: ", "),
                    Self.short(source.last),
                    [source.isNew ? "new" : nil, source.near.map { "near \($0)" }].compactMap { $0 }
                        .joined(separator: ", "),
                ]
            }, empty: "Nobody came in the period.", numeric: [2, 3, 4], whole: [1, 6],
            omitted: max(0, sources.count - Self.mostRows), most: Self.mostSources)
    }

    private var entryTable: ReportTable {
        ReportTable(
            title: "Entries of the source lists",
            header: ["entry", "block", "let in", "rejected", "last", "state now"],
            rows: entries.map {
                [
                    $0.id, $0.cidr.description, "\($0.attempts)", "\($0.rejected)",
                    $0.last.map(Self.short) ?? "not in the period", $0.state,
                ]
            }, empty: "There are none.", numeric: [2, 3], whole: [4, 5])
    }

    private var loginTable: ReportTable {
        ReportTable(
            title: "Logins", header: ["account", "credential", "source", "logins", "last"],
            rows: logins.prefix(Self.mostRows).map {
                [
                    $0.account, $0.credential, $0.source?.description ?? "-", "\($0.count)",
                    Self.short($0.last),
                ]
            }, empty: "There was no login in the period.", numeric: [3], whole: [4],
            omitted: max(0, logins.count - Self.mostRows))
    }

    private var changeTable: ReportTable {
        ReportTable(
            title: "Changes of lists and accounts", header: ["time", "outcome", "change"],
            rows: changes.flatMap { change in
                (change.lines + change.refuses).prefix(Self.mostRows).map {
                    [Self.short(change.time), change.outcome.word, $0]
                }
            }, empty: "Neither lists nor accounts changed in the period.", whole: [0, 1])
    }

    private var serviceTable: ReportTable {
        let before = stoppedBefore.map { [[Self.short($0), "stopped, before the period", ""]] } ?? []
        return ReportTable(
            title: "The service", header: ["time", "event", "gap"],
            rows: before
                + services.suffix(Self.mostRows).map {
                    [Self.short($0.time), $0.what, $0.gap.map { "\($0) s, no stop before" } ?? ""]
                }, empty: "It neither started nor stopped in the period.", whole: [0],
            omitted: max(0, services.count - Self.mostRows))
    }

    private var exportTable: ReportTable {
        ReportTable(
            title: "Who exported the ledger", header: ["time", "export"],
            rows: exports.suffix(Self.mostRows).map { [Self.short($0.time), $0.what] },
            empty: "Nobody did in the period.", whole: [0],
            omitted: max(0, exports.count - Self.mostRows))
    }

    /// `gate-1: 2026-11-23 00:00 +03:00 to 2026-11-24 00:00 +03:00`
    var heading: String { "\(node): \(period.text)" }

    /// Where the ledger begins, in a sentence.
    var reach: String {
        guard let beginning else { return "The ledger is empty." }
        let removed =
            beginning.removedUpTo.map { "Retention removed entries up to \(Self.short($0)). " } ?? ""
        return removed + "The ledger begins \(Self.short(beginning.time)), with entry \(beginning.seq)."
    }

    static func short(_ time: Instant) -> String {
        time.description.prefix(16).replacing("T", with: " ") + "Z"
    }
}
