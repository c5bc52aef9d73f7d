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
        /// Nobody knows what the checks find: they have not been made yet, or not of late.
        let isLooking: Bool
        let chart: Chart
        let periods: [Frame.Link]
        let accepted: String
        let rejected: String
        let observed: String
        let isCounting: Bool
        let contacts: [ContactRow]
        let isLookingUpContacts: Bool
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
        // Asked once: the headline and the list below it are of the same look.
        let findings = watch.findings
        let needs = needs(findings ?? [])
        let verdict = Self.verdict(isUp: isUp, needs: needs.count, isLooking: findings == nil)
        let contacts = watch.contacts
        let page = try services.attempts().page(
            Self.attemptsOnly, before: nil, limit: 12)
        return html(
            "overview", "Overview", visit,
            Overview(
                state: verdict.state, headline: verdict.headline, needs: needs, needsPerson: !needs.isEmpty,
                isLooking: findings == nil, chart: chart,
                periods: Chart.Period.allCases.map {
                    Frame.Link(label: $0.label, path: "/?period=\($0.rawValue)", isCurrent: $0 == period)
                },
                accepted: HTML.number(chart.total(.accepted)), rejected: HTML.number(chart.total(.rejected)),
                observed: HTML.number(chart.total(.observed)), isCounting: !counts.isComplete,
                contacts: (contacts ?? []).map { ContactRow($0, now: now) },
                isLookingUpContacts: contacts == nil,
                rows: try page.entries.map { try AttemptRow($0) }, hasRows: !page.entries.isEmpty,
                isBeginning: page.next == nil, mayRead: visit.caller.may(.readAttempts)))
    }

    /// What came from outside; not what the gate says of itself.
    static var attemptsOnly: LedgerQuery {
        var query = LedgerQuery()
        query.kinds = [.connection, .request, .login, .transfer, .probe]
        return query
    }

    /// How the gate is, in one line, and in a word of `Overview.state`.
    /// - Parameters:
    ///   - needs: how much needs a person, as far as that is known.
    ///   - isLooking: what the checks find is not known.
    static func verdict(isUp: Bool, needs: Int, isLooking: Bool) -> (state: String, headline: String) {
        guard isUp else { return ("bad", "The gate does not accept anything now.") }
        guard needs == 0 else {
            let what = Counted.text(needs, "thing needs", "things need")
            return ("look", "The gate accepts. \(what) a person.")
        }
        return isLooking
            ? ("look", "The gate accepts. Its checks are being made.") : ("good", "All is well.")
    }

    /// What the gate says is wrong with it, and what its checks find beyond that.
    private func needs(_ findings: [Finding]) -> [FindingRow] {
        let problems = intake.health.standing.sorted { $0.key < $1.key }.map { name, problem in
            FindingRow(area: name, state: .fail, text: problem.message, fix: problem.fix)
        }
        let found = findings.filter { $0.state != .ok && $0.area != "gate" }
            .sorted { $0.state == .fail && $1.state != .fail }
        return problems + found.map(FindingRow.init)
    }
}

extension Parameter {
    static let period = Parameter(
        name: "period", about: "How far back.", form: .words(Chart.Period.allCases.map(\.rawValue)))
}
