// The first page: is all well, what came, who was heard from, and what needs a person.
import Admission
import Audit
import Hummingbird
import Intake
import Ledger
import Management
import Reachability

extension Pages {
    struct Overview: Sendable {
        /// `good`, `look` or `bad`.
        let state: String
        let headline: String
        let needs: [FindingRow]
        let needsPerson: Bool
        /// The checks have not been made yet.
        let isLooking: Bool
        let chart: Chart
        let periods: [Frame.Link]
        let accepted: String
        let rejected: String
        let observed: String
        let isCounting: Bool
        let contacts: [ContactRow]
        let isListening: Bool
        let rows: [AttemptRow]
        let hasRows: Bool
        /// The page reaches the ledger's first entry.
        let isBeginning: Bool
        let mayRead: Bool
    }

    static let overviewPages = [
        Page(path: "", permission: .status, parameters: [.period]) { try $0.overview($1) }
    ]

    private func overview(_ visit: Visit) throws -> Response {
        let now = intake.now
        let period = try visit.parameters.words(.period, Chart.Period.init).first ?? .day
        let counts = try services.activity.counts(at: now)
        let chart = Chart(counts.hours, period, now: now)
        let isUp = intake.accepts
        let needs = needs()
        let contacts = watch.contacts
        let page = try services.attempts().page(
            Self.attemptsOnly, before: nil, limit: 12)
        return html(
            "overview", "Overview", visit,
            Overview(
                state: isUp ? needs.isEmpty ? "good" : "look" : "bad",
                headline: Self.headline(isUp, needs.count), needs: needs, needsPerson: !needs.isEmpty,
                isLooking: watch.findings == nil, chart: chart,
                periods: Chart.Period.allCases.map {
                    Frame.Link(label: $0.label, path: "/?period=\($0.rawValue)", isCurrent: $0 == period)
                },
                accepted: HTML.number(chart.total(.accepted)), rejected: HTML.number(chart.total(.rejected)),
                observed: HTML.number(chart.total(.observed)), isCounting: !counts.isComplete,
                contacts: (contacts ?? []).map { ContactRow($0, now: now) }, isListening: contacts == nil,
                rows: try page.entries.map { try AttemptRow($0) }, hasRows: !page.entries.isEmpty,
                isBeginning: page.next == nil, mayRead: visit.caller.may(.readAttempts)))
    }

    /// What came from outside; not what the gate says of itself.
    static var attemptsOnly: LedgerQuery {
        var query = LedgerQuery()
        query.kinds = [.connection, .request, .login, .transfer, .probe]
        return query
    }

    private static func headline(_ isUp: Bool, _ needs: Int) -> String {
        guard isUp else { return "The gate does not accept anything now." }
        guard needs > 0 else { return "All is well." }
        return "The gate accepts. \(Counted.text(needs, "thing needs", "things need")) a person."
    }

    /// What the gate says is wrong with it, and what its checks find beyond that.
    private func needs() -> [FindingRow] {
        let problems = intake.health.standing.sorted { $0.key < $1.key }.map { name, problem in
            FindingRow(area: name, state: .fail, text: problem.message, fix: problem.fix)
        }
        let found = (watch.findings ?? []).filter { $0.state != .ok && $0.area != "gate" }
            .sorted { $0.state == .fail && $1.state != .fail }
        return problems + found.map(FindingRow.init)
    }
}

extension Parameter {
    static let period = Parameter(
        name: "period", about: "How far back.", form: .words(Chart.Period.allCases.map(\.rawValue)))
}
