// A parameter of the API: what it is called and what it takes. The one declaration reads requests (`Parameters`) and describes the API
// (`OpenAPIDocument`). Pure.
import Admission
import Audit
import JSON
import Ledger
import Management
import RuleBook

struct Parameter: Sendable {
    enum Place: String, Sendable { case query, path, header }

    enum Form: Sendable {
        /// A whole number, and the one that is meant where there is none.
        case number(ClosedRange<Int64>, standard: Int64? = nil)
        case words([String])
        /// RFC 3339.
        case time
        /// Any text that is not empty; or one of an ECMA 262 pattern, which whoever reads the parameter holds it to.
        case text(pattern: String? = nil)
    }

    let name: String
    /// For people.
    let about: String
    let form: Form
    var place = Place.query
    /// It may come more than once.
    var isList = false
    var isRequired = false

    /// As it is where it must be given.
    var needed: Parameter {
        var needed = self
        needed.isRequired = true
        return needed
    }

    /// What all programs can write as a number of JSON (RFC 8259, 6).
    static let numbers: ClosedRange<Int64> = 0...9_007_199_254_740_991
}

// Attempts: the filters of `dropgate attempts`, under the same names.
extension Parameter {
    static let since = Parameter(name: "since", about: "Not before this time (RFC 3339).", form: .time)
    static let until = Parameter(name: "until", about: "Before this time (RFC 3339).", form: .time)
    static let source = Parameter(
        name: "source", about: "Source address or CIDR block, 20.21.208.105 or 20.21.208.0/24.",
        form: .text(),
        isList: true)
    static let verdict = Parameter(
        name: "verdict", about: "What was decided.", form: .words(Verdict.allCases.map(\.rawValue)),
        isList: true)
    static let reason = Parameter(
        name: "reason", about: "Why.", form: .words(Reason.allCases.map(\.rawValue)), isList: true)
    static let channel = Parameter(
        name: "channel", about: "Where.", form: .words(Channel.allCases.map(\.rawValue)), isList: true)
    static let kind = Parameter(
        name: "kind", about: "What the entry is about.", form: .words(EntryKind.allCases.map(\.rawValue)),
        isList: true)
    static let account = Parameter(name: "account", about: "An SFTP account.", form: .text(), isList: true)
    static let entry = Parameter(
        name: "entry", about: "A source-list entry that matched, as in vsee-qatar/clinic.", form: .text(),
        isList: true)
    static let exportFormat = Parameter(
        name: "format", about: "The format of the export. Default: jsonl.",
        form: .words(EntryFormat.allCases.map(\.name)))
    static let drop = Parameter(
        name: "drop", about: "A drop that the entry is about or mentions.", form: .text(), isList: true)
    static let text = Parameter(
        name: "text", about: "Text anywhere in the entry's JSON; the case of ASCII letters does not matter.",
        form: .text())

    static let filters = [
        since, until, source, verdict, reason, channel, kind, account, entry, drop, text,
    ]
    static let attemptLimit = Parameter(
        name: "limit", about: "Items at most.", form: .number(1...500, standard: 50))
    static let before = Parameter(
        name: "before", about: "Only what has an entry below this number: the `next` of the page before.",
        form: .number(numbers))
    static let seq = Parameter(
        name: "seq", about: "The entry's number.", form: .number(numbers), place: .path, isRequired: true)
}

// Streams.
extension Parameter {
    static let after = Parameter(
        name: "after", about: "Only what has an entry above this number; -1: from the first one on.",
        form: .number(-1...numbers.upperBound))
    static let lastEvent = Parameter(
        name: "Last-Event-ID", about: "The id of the last event that was seen.",
        form: .text(pattern: "^[0-9]{1,15}$"),
        place: .header)
}

// Drops.
extension Parameter {
    static let afterDrop = Parameter(
        name: "after",
        about:
            "Continue after this event of the stream, or after the entry with this number; -1: from the first one on.",
        form: .text(pattern: StreamPosition.pattern))
    static let lastDrop = Parameter(
        name: "Last-Event-ID", about: "The id of the last event that was seen.",
        form: .text(pattern: StreamPosition.pattern), place: .header)
    static let state = Parameter(
        name: "state", about: "A state.", form: .words(DropState.words), isList: true)
    static let dropLimit = Parameter(
        name: "limit", about: "Items at most.", form: .number(1...200, standard: 50))
    static let path = Parameter(
        name: "path",
        about:
            "The path of a file in ready/ or of a receipt, absolute or relative to the staging directory.",
        form: .text(), isRequired: true)
    static let id = Parameter(
        name: "id", about: "The drop's id.", form: .text(pattern: "^[0-9a-z]{26}$"), place: .path,
        isRequired: true)
}

// Source lists.
extension Parameter {
    static let ip = Parameter(
        name: "ip", about: "The address that calls, 20.21.208.105 or 2001:db8::1.", form: .text(),
        isRequired: true)
    static let listedChannel = Parameter(
        name: "channel", about: "The channel on which it calls.",
        form: .words([Channel.webhook, .sftp].map(\.rawValue)), isList: true)
    static let at = Parameter(
        name: "at", about: "Decide by the lists that were in force then (RFC 3339). Default: now.",
        form: .time)
}

// Rules, accounts.
extension Parameter {
    static let direction = Parameter(
        name: "direction", about: "ingress: VSee to the gate. egress: you to VSee.",
        form: .words(["ingress", "egress"]))
    static let firewall = Parameter(
        name: "format", about: "The format that the firewall reads.",
        form: .words(ExportFormat.allCases.map(\.rawValue)))
    static let accountName = Parameter(
        name: "name", about: "The account's name.", form: .text(), place: .path, isRequired: true)
}

extension Parameter {
    static let jobID = Parameter(
        name: "id", about: "The job.", form: .text(pattern: "^[0-9a-f]{16}$"), place: .path, isRequired: true)
    static let ifNoneMatch = Parameter(
        name: "If-None-Match", about: "Entity tags of an earlier answer.", form: .text(), place: .header)
}
