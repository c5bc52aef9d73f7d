// The ledger as evidence: what is signed, who has seen it, and whether it is whole; and the report of a period.
import Admission
import Audit
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Ledger
import Management

extension Pages {
    static let ledgerPages = [
        Page(path: "ledger", permission: .readAttempts) { try $0.ledger($1) },
        Page(method: .post, path: "ledger/verify", permission: .verify) { try $0.verify($1) },
        Page(path: "ledger/entry", permission: .readAttempts, parameters: [.wantedEntry]) { _, visit in
            redirect(to: "/attempts/\(try visit.parameters.number(.wantedEntry) ?? 0)")
        },
        Page(path: "report", permission: .export) { $0.report($1) },
        Page(
            method: .post, path: "report", permission: .export,
            parameters: [.reportSince, .reportUntil, .comment]
        ) { try $0.makeReport($1) },
        Page(path: "jobs/{id}", permission: .status, parameters: [.jobID]) { try $0.job($1) },
        Page(path: "jobs/{id}/page", permission: .export, parameters: [.jobID]) { try $0.jobPage($1) },
    ]

    struct Witness: Sendable {
        let name: String
        let size: String
        let time: Stamp
    }

    struct LedgerView: Sendable {
        let entries: String
        let last: Int64
        let signed: String?
        let signedTime: Stamp?
        let unsigned: String
        let checkpoint: String?
        let keys: String
        let witnesses: [Witness]
        let hasWitnesses: Bool
        let unwitnessed: String
        let begins: Stamp?
        let firstSeq: Int64?
        let mayVerify: Bool
        let running: String?
    }

    private func ledger(_ visit: Visit) throws -> Response {
        let standing = try services.ledger.standing()
        let signed = standing.signed
        return html(
            "ledger", "Ledger", visit,
            LedgerView(
                entries: HTML.number(standing.entries), last: standing.entries - 1,
                signed: signed.map { HTML.number($0.checkpoint.size) },
                signedTime: signed.map { Stamp($0.checkpoint.time) },
                unsigned: HTML.number(standing.unsigned), checkpoint: signed?.note.description,
                keys: try services.ledger.publicKeys(),
                witnesses: standing.witnesses.map {
                    Witness(name: $0.name, size: HTML.number($0.size), time: Stamp($0.time))
                }, hasWitnesses: !standing.witnesses.isEmpty,
                unwitnessed: HTML.number(standing.unwitnessed),
                begins: standing.beginning.map { Stamp($0.time) }, firstSeq: standing.beginning?.seq,
                mayVerify: visit.caller.may(.verify),
                running: jobs.running(.verify).map { "/jobs/\($0.id)" }))
    }

    private func verify(_ visit: Visit) throws -> Response {
        let job = try jobs.verify(
            services.ledger, by: visit.attribution(), authority: services.authority, now: intake.now)
        return Self.redirect(to: "/jobs/\(job.id)")
    }

    // MARK: Reports

    struct ReportForm: Sendable {
        let since: String
        let until: String
    }

    private func report(_ visit: Visit) -> Response {
        let now = intake.now
        func day(_ instant: Instant) -> String { String(instant.description.prefix(10)) }
        return html(
            "report", "Report", visit,
            ReportForm(since: day(now - .seconds(30 * 86_400)), until: day(now + .seconds(86_400))))
    }

    private func makeReport(_ visit: Visit) throws -> Response {
        guard let since = try visit.parameters.text(.reportSince),
            let until = try visit.parameters.text(.reportUntil)
        else { throw Problem.badParameter(.reportSince, "say from when to when") }
        let attribution = try visit.attribution(try visit.parameters.text(.comment))
        let job = try jobs.report(
            services.reports, since: Self.moment(since, .reportSince),
            until: Self.moment(until, .reportUntil),
            by: attribution, now: intake.now)
        return Self.redirect(to: "/jobs/\(job.id)")
    }

    // MARK: Jobs

    struct JobView: Sendable {
        struct Line: Sendable {
            let state: String
            let text: String
        }

        let title: String
        let person: String
        let began: Stamp
        let ended: Stamp?
        let isRunning: Bool
        /// Of a hundred; nil: that is not known.
        let percent: Int64?
        let progress: String?
        let lines: [Line]
        let hasLines: Bool
        let summary: String?
        /// `good` or `bad`.
        let mark: String
        let failure: String?
        let document: String?
        let json: String
    }

    private func job(_ visit: Visit) throws -> Response {
        let job = try jobs.job(visit.parameters.text(.jobID), for: visit.caller)
        let view = JobView(
            title: job.title, person: job.person, began: Stamp(job.began), ended: job.ended.map { Stamp($0) },
            isRunning: job.ended == nil,
            percent: job.progress.map { $0.of > 0 ? min(100, $0.done * 100 / $0.of) : 0 },
            progress: job.progress.map { "\(HTML.number($0.done)) of \(HTML.number($0.of))" },
            lines: job.lines.map { JobView.Line(state: $0.state ?? "none", text: $0.text) },
            hasLines: !job.lines.isEmpty, summary: job.result?.summary,
            mark: job.result?.isGood == true ? "good" : "bad", failure: job.failure,
            document: job.result?.page == nil ? nil : "/jobs/\(job.id)/page", json: "/api/v1/jobs/\(job.id)")
        var frame = frame(job.title, visit)
        frame.isUnderWay = view.isRunning
        return Self.html(templates.render("job", frame: frame, view))
    }

    /// What a job has made to be printed: it has a style of its own, and runs nothing.
    private func jobPage(_ visit: Visit) throws -> Response {
        let job = try jobs.job(visit.parameters.text(.jobID), for: visit.caller)
        guard let page = job.result?.page else {
            throw Problem(.notFound, "not_found", "this job has not made a page, or not yet")
        }
        var response = Self.html(page)
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
        return response
    }
}

extension Parameter {
    fileprivate static let wantedEntry = Parameter(
        name: "seq", about: "An entry's number.", form: .number(numbers), isRequired: true)
    fileprivate static let reportSince = Parameter(
        name: "since", about: "From here on.", form: .text(), isRequired: true)
    fileprivate static let reportUntil = Parameter(
        name: "until", about: "Up to, but not including, this.", form: .text(), isRequired: true)
}

extension Pages {
    static let all =
        overviewPages + attemptPages + sourcePages + sourceChangePages + dropPages + reachabilityPages
        + ledgerPages + referencePages
}
