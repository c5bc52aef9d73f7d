// Attempts: the filters of `dropgate attempts` in the address, what comes as it comes, and one entry with all that it says.
import Admission
import Audit
import HTTPTypes
import Hummingbird
import JSON
import Ledger
import Management
import NIOCore
import Synchronization

extension Pages {
    static let attemptPages = [
        Page(path: "attempts", permission: .readAttempts, parameters: Parameter.filters + [.before]) {
            try $0.attempts($1)
        },
        Page(
            path: "attempts/live", permission: .readAttempts, parameters: Parameter.filters + [.after],
            isUse: false
        ) {
            try await $0.live($1)
        },
        Page(path: "attempts/{seq}", permission: .readAttempts, parameters: [.seq]) {
            try await $0.attempt($1)
        },
    ]

    // MARK: The list

    struct Attempts: Sendable {
        let filters: Filters
        /// What is wrong with a filter.
        let problem: String?
        let rows: [AttemptRow]
        let hasRows: Bool
        let older: String?
        let newest: String?
        /// Where what comes is told; nil: it would not belong to this page.
        let live: String?
        let formats: [Choice]
        /// The filters, for the form of the export.
        let exported: [Field]
        let mayExport: Bool
    }

    /// What a form sends along.
    struct Field: Sendable {
        let name: String
        let value: String
    }

    /// The form, with what is chosen.
    struct Filters: Sendable {
        let since: String?
        let until: String?
        let source: String?
        let account: String?
        let entry: String?
        let drop: String?
        let text: String?
        let verdicts: [Choice]
        let channels: [Choice]
        let kinds: [Choice]
        let reasons: [Choice]
        /// Whether a filter is set that is not at the top.
        let hasMore: Bool

        init(_ parameters: Parameters) {
            func one(_ parameter: Parameter) -> String? {
                let texts = (try? parameters.texts(parameter)) ?? []
                return texts.isEmpty ? nil : texts.joined(separator: " ")
            }
            func choices(_ parameter: Parameter) -> [Choice] {
                Choice.all(parameter, chosen: (try? parameters.texts(parameter)) ?? [])
            }
            (since, until, source) = (one(.since), one(.until), one(.source))
            (account, entry, drop, text) = (one(.account), one(.entry), one(.drop), one(.text))
            (verdicts, channels) = (choices(.verdict), choices(.channel))
            (kinds, reasons) = (choices(.kind), choices(.reason))
            hasMore =
                [since, until, account, entry, drop].contains { $0 != nil }
                || (kinds + reasons).contains(where: \.isChosen)
        }
    }

    private static let rowsOfPage = 50

    private func attempts(_ visit: Visit) throws -> Response {
        var problem: String?
        var page = AttemptService.Page(entries: [], next: nil)
        var rows: [AttemptRow] = []
        do {
            page = try services.attempts().page(
                visit.parameters.attempts(), before: visit.parameters.number(.before), limit: Self.rowsOfPage)
            rows = try page.entries.map { try AttemptRow($0) }
        } catch let error as Problem where error.status == .badRequest {
            problem = error.detail
        }
        let filters = visit.parameters.pairs(Parameter.filters)
        let isNewest = try visit.parameters.text(.before) == nil
        let isOver = try visit.parameters.text(.until) != nil
        let head = page.entries.first?.seq
        return html(
            "attempts", "Attempts", visit,
            Attempts(
                filters: Filters(visit.parameters), problem: problem, rows: rows, hasRows: !rows.isEmpty,
                older: page.next.map { "/attempts" + Self.query(filters + [("before", "\($0)")]) },
                newest: isNewest ? nil : "/attempts" + Self.query(filters),
                live: isNewest && !isOver && problem == nil
                    ? "/attempts/live" + Self.query(filters + (head.map { [("after", "\($0)")] } ?? []))
                    : nil,
                formats: EntryFormat.allCases.map { format in
                    Choice(
                        format.name, label: format.about.map { "\(format.name): \($0)" }, isChosen: false)
                },
                exported: filters.map { Field(name: $0, value: $1) }, mayExport: visit.caller.may(.export)))
    }

    // MARK: What comes

    /// Rows as they come (HTML Standard, 9.2). They stay with a person: that is no export.
    private func live(_ visit: Visit) async throws -> Response {
        guard visit.request.method != .head else { return EventStream.head }
        guard let place = streams.place(forBrowser: "session \(visit.session.id)") else {
            throw Problem(
                .serviceUnavailable, "too_many_streams", "too many live pages are open; close one")
        }
        let service = try services.attempts()
        let head = try service.last()
        // Whoever connects again has seen more than its address says.
        let seen = visit.request.headers[values: .lastEventID].last
            .flatMap { Parameters.number($0, in: Parameter.numbers) }
        let begin = min(try seen ?? visit.parameters.number(.after) ?? head, head)
        let pages = Mutex(service.pages(try visit.parameters.attempts(), above: begin))
        let (credentials, templates, fields) = (credentials, templates, visit.request.headers)
        let age = visit.age
        // Where it begins, for one that breaks off before the first row.
        let opening = Mutex(ByteBuffer(string: "id: \(begin)\n\n"))
        let stream = EventStream(
            next: {
                try pages.withLock { pages in
                    var events = opening.withLock { opening in
                        defer { opening.clear() }
                        return opening
                    }
                    try pages.read(within: Look.patience) { page in
                        for entry in page {
                            let rows = AttemptRows(rows: [try AttemptRow(entry)])
                            let text = templates.render("attempt-rows", rows)
                            let line = text.replacing("\n", with: " ").trimmingPrefix { $0 == " " }
                            events.writeEvent("row", id: "\(entry.seq)", Array(line.utf8))
                        }
                        return events.readableBytes < EventStream.piece
                    }
                    return events
                }
            }, mayGoOn: { age?.isOver != true && credentials.may(.readAttempts, fields) })
        return stream.response(place)
    }

    struct AttemptRows: Sendable {
        let rows: [AttemptRow]
    }

    // MARK: One

    struct OneAttempt: Sendable {
        let row: AttemptRow
        let facts: [Fact]
        let trace: [String]
        let hasTrace: Bool
        let neighbours: [AttemptRow]
        let hasNeighbours: Bool
        /// The entry's bytes.
        let json: String
        /// nil: nothing that covers it is signed yet.
        let proof: String?
        let previous: Int64?
        let next: Int64?
        /// Of a source that was refused: what was accepted from it.
        let accepted: String?
    }

    private func attempt(_ visit: Visit) async throws -> Response {
        let service = try services.attempts()
        guard let seq = try visit.parameters.number(.seq), let entry = try service.entry(seq) else {
            throw Problem(.notFound, "not_found", "there is no entry of this number, or none any more")
        }
        let value = try entry.value()
        let proof = try? await services.ledger.prove(seq, by: try visit.attribution(), warn: { _ in })
        let neighbours = try neighbours(of: entry, service)
        let trace = try services.sources.trace(of: entry)
        return html(
            "attempt", "Entry \(seq)", visit,
            OneAttempt(
                row: try AttemptRow(entry), facts: Fact.all(of: value), trace: trace,
                hasTrace: !trace.isEmpty, neighbours: neighbours, hasNeighbours: !neighbours.isEmpty,
                json: String(decoding: entry.json, as: UTF8.self), proof: proof?.description,
                previous: seq > 0 ? seq - 1 : nil, next: try service.last() > seq ? seq + 1 : nil,
                accepted: value["verdict"]?.string == Verdict.rejected.rawValue
                    ? value["source"]?["ip"]?.string.map {
                        "/attempts" + Self.query(["source": $0, "verdict": Verdict.accepted.rawValue])
                    } : nil))
    }

    /// What else came from its source about the same time.
    private func neighbours(of entry: StoredEntry, _ service: AttemptService) throws -> [AttemptRow] {
        guard let ip = try entry.value()["source"]?["ip"]?.string.flatMap({ try? IPAddress($0) }) else {
            return []
        }
        return try service.around(entry, of: ip, limit: 5).map { try AttemptRow($0) }
    }
}
