// Who may call in: the lists, one entry, and what is decided on an address.
import Admission
import Hummingbird
import Intake
import Ledger
import Management
import Reachability

extension Pages {
    static let sourcePages = [
        Page(path: "sources", permission: .readSources) { try $0.sources($1) },
        Page(path: "sources/entry", permission: .readSources, parameters: [.entryID]) { try $0.source($1) },
        Page(
            path: "sources/explain", permission: .readSources,
            parameters: [.address, .peer, .forwardedFor, .forwarded, .at]
        ) { try $0.explain($1) },
    ]

    struct SourceRow: Sendable {
        let id: String
        let cidr: String
        let service: String
        let channels: String
        let mode: String
        let state: String
        /// `good`, `look` or `bad`.
        let mark: String
        let owner: String?
        let document: String?
        let read: String?
        let note: String?
        let review: Stamp?
        let expires: Stamp?
        let contacts: [ContactRow]

        init(_ entry: SourceEntry, _ contacts: [LastContact], now: Instant) {
            id = entry.id
            cidr = entry.cidr.description
            service = entry.service
            channels = entry.channelWords.joined(separator: ", ")
            mode = entry.mode.rawValue
            state = entry.state(at: now)
            mark =
                switch state {
                case "in force": "good"
                case "expired": "bad"
                default: "look"
                }
            owner = entry.owner
            document = entry.document.map { [$0.title, $0.page].compactMap(\.self).joined(separator: ", ") }
            read = entry.document?.read
            note = entry.note
            review = entry.reviewBy.map { Stamp(day: $0) }
            expires = entry.expires.map { Stamp(day: $0) }
            self.contacts = contacts.filter { $0.entry.id == entry.id }.map { ContactRow($0, now: now) }
        }
    }

    struct Sources: Sendable {
        let rows: [SourceRow]
        let policy: String
        let origin: String?
        let problems: [String]
        let hasProblems: Bool
        let notes: [String]
        /// When entries were heard from last is being looked up.
        let isLookingUpContacts: Bool
        let near: [FindingRow]
        let hasNear: Bool
        /// The checks have not been made yet, or not of late.
        let isLooking: Bool
        /// They were made, and could not tell who was refused.
        let isUnknown: Bool
        let mayChange: Bool
        let lists: [Choice]
        let hasLists: Bool
    }

    private func sources(_ visit: Visit) throws -> Response {
        let now = intake.now
        let lists = try services.sources.lists(now: now)
        let policy = try lists.policy.get()
        let (contacts, findings) = (watch.contacts, watch.findings)
        let refusals = findings?.filter { $0.area == "refusals" }
        let near = (refusals ?? []).filter { $0.state != .ok }
        let names = Set(policy.entries.map(\.list)).sorted()
        return html(
            "sources", "Sources", visit,
            Sources(
                rows: policy.entries.map { SourceRow($0, contacts ?? [], now: now) }, policy: policy.version,
                origin: lists.origin, problems: lists.problems, hasProblems: !lists.problems.isEmpty,
                notes: lists.notes, isLookingUpContacts: contacts == nil, near: near.map(FindingRow.init),
                hasNear: !near.isEmpty, isLooking: refusals == nil,
                isUnknown: refusals?.isEmpty == true, mayChange: visit.caller.may(.changeSources),
                lists: names.map { Choice($0, isChosen: false) }, hasLists: names.count > 1))
    }

    // MARK: One entry

    struct OneSource: Sendable {
        let row: SourceRow
        /// When it was heard from last is being looked up.
        let isLookingUpContacts: Bool
        let rows: [AttemptRow]
        let hasRows: Bool
        let attempts: String
        let mayChange: Bool
    }

    private func source(_ visit: Visit) throws -> Response {
        let now = intake.now
        let id = try visit.parameters.text(.entryID) ?? ""
        let policy = try services.sources.lists(now: now).policy.get()
        guard let entry = policy.entries.first(where: { $0.id == id }) else {
            throw Problem(
                .notFound, "not_found",
                "there is no entry \(UntrustedText.head(id)) in the lists, or none any more")
        }
        var query = Self.attemptsOnly
        query.entries = [id]
        let page = try services.attempts().page(query, before: nil, limit: 20)
        let contacts = watch.contacts
        return html(
            "source", entry.id, visit,
            OneSource(
                row: SourceRow(entry, contacts ?? [], now: now), isLookingUpContacts: contacts == nil,
                rows: try page.entries.map { try AttemptRow($0) }, hasRows: !page.entries.isEmpty,
                attempts: "/attempts" + Self.query(["entry": id]),
                mayChange: visit.caller.may(.changeSources)))
    }

    // MARK: What is decided

    struct Explained: Sendable {
        let ip: String?
        let peer: String?
        let forwardedFor: String?
        let forwarded: String?
        let at: String?
        let problem: String?
        let isAnswered: Bool
        let origin: String?
        let unknown: String?
        let notes: [String]
        let decisions: [Decided]
        let rows: [AttemptRow]
        let hasRows: Bool
        let attempts: String?
    }

    struct Decided: Sendable {
        let channel: String
        let verdict: String
        let reason: String
        let source: String?
        let entries: [String]
        let trace: [String]
        let near: String?
    }

    private func explain(_ visit: Visit) throws -> Response {
        let parameters = visit.parameters
        var (problem, unknown): (String?, String?)
        var explanation: SourceService.Explanation?
        var rows: [AttemptRow] = []
        let ip = (try? parameters.address(.address)) ?? nil
        do {
            let question = try question(parameters)
            if question.ip != nil || question.peer != nil {
                explanation = try services.sources.explain(
                    question, on: [.webhook, .sftp], at: parameters.time(.at), now: intake.now)
            }
            if let ip {
                var query = Self.attemptsOnly
                query.sources = [CIDRBlock(of: ip)]
                rows = try services.attempts().page(query, before: nil, limit: 20).entries.map {
                    try AttemptRow($0)
                }
            }
        } catch let error as Problem where error.status == .badRequest {
            problem = error.detail
        } catch let error as ManagementError where error.code == .invalid {
            problem = error.description
        }
        if case .failure(let why)? = explanation?.lists.policy { unknown = why.description }
        return html(
            "explain", "What would happen to this address?", visit,
            Explained(
                ip: text(parameters, .address), peer: text(parameters, .peer),
                forwardedFor: text(parameters, .forwardedFor), forwarded: text(parameters, .forwarded),
                at: text(parameters, .at), problem: problem, isAnswered: explanation != nil,
                origin: explanation?.lists.origin, unknown: unknown, notes: explanation?.lists.notes ?? [],
                decisions: (explanation?.decisions ?? []).map { channel, decision in
                    Decided(
                        channel: channel.rawValue, verdict: decision.verdict.rawValue,
                        reason: decision.reason.rawValue, source: decision.source?.ip.description,
                        entries: decision.entries, trace: decision.trace,
                        near: explanation?.neighbour(of: decision)?.summary)
                }, rows: rows, hasRows: !rows.isEmpty,
                attempts: ip.map { "/attempts" + Self.query(["source": $0.description]) }))
    }

    private func text(_ parameters: Parameters, _ parameter: Parameter) -> String? {
        (try? parameters.text(parameter)) ?? nil
    }

    /// A connection as it might come: directly, or by a proxy that says in headers who called.
    private func question(_ parameters: Parameters) throws -> SourceQuestion {
        var question = SourceQuestion()
        question.ip = try parameters.address(.address)
        question.peer = try parameters.address(.peer)
        question.headers = [
            "x-forwarded-for": try parameters.texts(.forwardedFor),
            "forwarded": try parameters.texts(.forwarded),
        ]
        guard question.headers.values.contains(where: { !$0.isEmpty }) else { return question }
        guard question.peer != nil else {
            throw Problem(
                .badRequest, "bad_parameter",
                "headers come from a proxy: also give its address, as the other end of the connection")
        }
        guard question.ip == nil else {
            throw Problem(
                .badRequest, "bad_parameter", "give the calling address or the headers, not both"
            )
        }
        return question
    }
}

extension Parameter {
    static let entryID = Parameter(
        name: "id", about: "The entry, as in vsee-qatar/clinic.", form: .text(), isRequired: true)
    static let address = Parameter(name: "ip", about: "The address that calls.", form: .text())
    static let peer = Parameter(
        name: "peer", about: "The other end of the connection: a proxy in front of the gate.", form: .text())
    static let forwardedFor = Parameter(
        name: "forwarded_for", about: "The X-Forwarded-For header, as the gate receives it.", form: .text())
    static let forwarded = Parameter(
        name: "forwarded", about: "The Forwarded header (RFC 7239), as the gate receives it.", form: .text())
}
