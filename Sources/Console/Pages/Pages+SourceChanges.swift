// Changes of the source lists: each is shown with what it would come to before it is made.
import Admission
import Hummingbird
import Intake
import Ledger
import Logging
import Management
import Settings

extension Pages {
    static let sourceChangePages = [
        Page(
            method: .post, path: "sources/add", permission: .changeSources,
            parameters: newSourceFields + [.base, .comment]
        ) { pages, visit in
            try await pages.change(try pages.newSource(visit.parameters), visit, newSourceFields)
        },
        Page(
            method: .post, path: "sources/change", permission: .changeSources,
            parameters: [.entryID, .action, .day, .base, .comment]
        ) { pages, visit in
            try await pages.change(
                try pages.changed(visit.parameters), visit, [.entryID, .action, .day])
        },
    ]

    private static let newSourceFields: [Parameter] = [
        .newBlock, .newService, .newName, .newChannel, .newList, .newTitle, .newPage, .newRead, .newOwner,
        .newReview, .newExpires, .newMode, .newNote,
    ]

    struct ChangePreview: Sendable {
        let action: String
        let file: String
        let difference: [String]
        let isDifferent: Bool
        let effects: [Effect]
        let hasEffects: Bool
        /// Why not everybody was looked at.
        let gap: String?
        /// Sent again with the form that makes the change.
        let fields: [Field]
        let base: String
        /// The command that makes the change, where the gate may not.
        let typed: String?
    }

    struct Effect: Sendable {
        let text: String
        /// `accepted` or `rejected`, from then on.
        let verdict: String
        let link: String
    }

    /// Shown, or made where the form says with which lists it was looked at.
    private func change(
        _ change: SourceChange, _ visit: Visit, _ fields: [Parameter]
    ) async throws -> Response {
        do {
            guard let base = try visit.parameters.text(.base) else {
                return try preview(change, visit, fields)
            }
            let comment = try visit.parameters.text(.comment)
            let logger = logger
            try await services.sources.make(
                change, base: base, by: try visit.attribution(comment), now: intake.now,
                warn: { logger.warning("console: \($0)") })
        } catch let error as ManagementError where error.code == .configuration && error.cause == nil {
            // The lists would be bad by it: whoever makes it reads why, although that names their files.
            throw Problem(.unprocessableContent, "unprocessable", error.description)
        }
        return done(
            "The list is changed; the gate applies it within a second.", visit, backTo: "/sources")
    }

    private func preview(
        _ change: SourceChange, _ visit: Visit, _ fields: [Parameter]
    ) throws -> Response {
        let preview = try services.sources.preview(change, now: intake.now)
        let effects = (preview.effect?.all ?? []).map {
            Effect(
                text: $0.text, verdict: $0.isLetIn ? "accepted" : "rejected",
                link: "/attempts" + Self.query(["source": $0.source.description]))
        }
        return html(
            "source-change", "Change of a source list", visit,
            ChangePreview(
                action: visit.request.uri.path, file: preview.file, difference: preview.difference,
                isDifferent: !preview.difference.isEmpty, effects: effects, hasEffects: !effects.isEmpty,
                gap: preview.effect.map(\.isComplete) == false
                    ? "Not every caller of the last 30 days was checked: there are too many." : nil,
                fields: visit.parameters.pairs(fields).map { Field(name: $0, value: $1) },
                base: preview.base, typed: preview.typed))
    }

    private func changed(_ parameters: Parameters) throws -> SourceChange {
        let id = try parameters.text(.entryID) ?? ""
        let day = try parameters.text(.day).map { try Self.moment($0, .day) }
        switch try parameters.text(.action) {
        case "review":
            guard let day else {
                throw Problem.badParameter(.day, "give the date of the next review")
            }
            return .review(id, by: day)
        case "expire": return .expire(id, at: day ?? intake.now)
        case "remove": return .remove(id)
        default: throw Problem.badParameter(.action, "it is not known")
        }
    }

    private func newSource(_ parameters: Parameters) throws -> SourceChange {
        func words(_ parameter: Parameter) throws -> String? {
            guard let text = try parameters.text(parameter) else { return nil }
            guard UntrustedText.isName(text) else {
                throw Problem.badParameter(parameter, UntrustedText.noName)
            }
            return text
        }
        func name(_ parameter: Parameter) throws -> String? {
            guard let text = try parameters.text(parameter) else { return nil }
            guard SourceListReader.isName(text) else {
                throw Problem.badParameter(parameter, SourceListReader.noName(text))
            }
            return text
        }
        guard let block = try parameters.text(.newBlock).flatMap({ try? CIDRBlock($0) }) else {
            throw Problem.badParameter(
                .newBlock, "write an address or a block, 20.21.208.105 or 20.21.208.0/24")
        }
        guard let service = try name(.newService) else {
            throw Problem.badParameter(.newService, "say which service calls")
        }
        let channels = try parameters.words(.newChannel, Channel.init)
        guard !channels.isEmpty else { throw Problem.badParameter(.newChannel, "choose one, or both") }
        let (title, read) = (try words(.newTitle), try parameters.text(.newRead))
        guard (title == nil) == (read == nil) else {
            throw Problem.badParameter(.newRead, "give both the document and the day on which it was read")
        }
        let page = try words(.newPage)
        let id = try name(.newName)
        let (owner, note) = (try words(.newOwner), try words(.newNote))
        let review = try parameters.text(.newReview).map { try Self.moment($0, .newReview) }
        let expires = try parameters.text(.newExpires).map { try Self.moment($0, .newExpires) }
        let mode = try parameters.text(.newMode).flatMap(SourceEntry.Mode.init) ?? .enforce
        return .add(list: try parameters.text(.newList)) { list in
            var entry = SourceEntry(
                list: list, service: service, cidr: block, channels: channels,
                document: title.map { SourceEntry.Document(title: $0, page: page, read: read ?? "") },
                owner: owner, reviewBy: review, expires: expires, mode: mode, note: note)
            if id != service { entry.ownID = id }
            return entry
        }
    }

    /// A day of a form, from its beginning in UTC on.
    static func moment(_ text: String, _ parameter: Parameter) throws(Problem) -> Instant {
        guard let moment = Instant(wallClock: text) ?? Instant(rfc3339: text), moment.isWritable else {
            throw .badParameter(parameter, "write a day as 2027-01-31, or a time as 2027-01-31T08:00:00Z")
        }
        return moment
    }
}

extension Parameter {
    static let action = Parameter(
        name: "action", about: "What to do with the entry.", form: .words(["review", "expire", "remove"]),
        isRequired: true)
    static let day = Parameter(name: "day", about: "A day, from its beginning in UTC on.", form: .text())
    static let base = Parameter(
        name: "base", about: "The version of the lists for which the change was shown.", form: .text())
    static let comment = Parameter(name: "comment", about: "Why.", form: .text())

    fileprivate static let newBlock = Parameter(
        name: "cidr", about: "An address or a block.", form: .text(), isRequired: true)
    fileprivate static let newService = Parameter(
        name: "service", about: "The service that calls.", form: .text(), isRequired: true)
    fileprivate static let newName = Parameter(
        name: "name", about: "A name that tells it from others of the service.", form: .text())
    fileprivate static let newChannel = Parameter(
        name: "channel", about: "Where it may call.",
        form: .words([Channel.webhook, .sftp].map(\.rawValue)), isList: true)
    fileprivate static let newList = Parameter(name: "list", about: "The list.", form: .text())
    fileprivate static let newTitle = Parameter(
        name: "document", about: "Title of the document that publishes it.", form: .text())
    fileprivate static let newPage = Parameter(name: "page", about: "Page or section.", form: .text())
    fileprivate static let newRead = Parameter(
        name: "read", about: "When the document was read.", form: .text())
    fileprivate static let newOwner = Parameter(name: "owner", about: "Who answers for it.", form: .text())
    fileprivate static let newReview = Parameter(
        name: "review_by", about: "When it is due for review.", form: .text())
    fileprivate static let newExpires = Parameter(
        name: "expires", about: "When it stops matching.", form: .text())
    fileprivate static let newMode = Parameter(
        name: "mode", about: "enforce or observe.", form: .words(SourceEntry.Mode.allCases.map(\.rawValue)))
    fileprivate static let newNote = Parameter(name: "note", about: "Anything worth knowing.", form: .text())
}
