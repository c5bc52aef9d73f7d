// What the API's answers are made of (JSON Schema 2020-12). Members that others describe are named with where that is. Pure.
import JSON
import Ledger
import Management

enum OpenAPISchemas {
    static let all: [String: JSONValue] = [
        "Problem": object(
            "RFC 9457.",
            [
                "title": text, "status": ["type": "integer"], "code": text("For programs."),
                "detail": text("For people: what is wrong, and what to do."),
            ], required: ["title", "status", "code", "detail"]),
        "Comment": [
            "type": "object", "additionalProperties": false,
            "properties": [
                "comment": comment
            ],
        ],
        "Description": ["type": "object", "description": "OpenAPI 3.1."],
        "Status": object(
            "The state of the gate, as /readyz reports it.",
            [
                "status": ["enum": ["ready", "degraded", "unavailable"]],
                "problems": ["type": "object", "additionalProperties": text], "node": text, "version": text,
                "entries": number, "policy": text,
            ], required: ["status", "node", "version", "entries"]),
        "Entry": object(
            "An entry of the ledger; Config/schemas/ledger-entry.schema.json describes all members.",
            [
                "seq": number, "time": time, "kind": text, "channel": text, "verdict": text, "reason": text,
                "count": number,
            ], required: ["seq", "time", "node", "kind", "verdict", "reason", "count"]),
        "AttemptPage": page("Entry"),
        "Sources": object(
            "As `dropgate source list --format json`.",
            [
                "policy": text("The version of the lists."), "lists": ["type": "object"],
                "entries": list(
                    object(
                        nil, ["id": text, "cidr": text, "channels": list(text), "state": text],
                        required: ["id", "list", "service", "cidr", "channels", "mode", "state"])),
            ], required: ["policy", "entries", "lists"]),
        "Decisions": object(
            "As `dropgate source explain --format json`, for each channel.",
            [
                "items": list(
                    object(
                        nil,
                        [
                            "channel": text,
                            "known": [
                                "type": "boolean",
                                "description": "False: it is not known which lists were in force then.",
                            ],
                            "verdict": text, "reason": text, "entries": list(text), "trace": list(text),
                        ], required: ["channel", "known", "at", "lists"]))
            ], required: ["items"]),
        "ListText": body(
            [
                "list": text("The list's name; needed where there are several."),
                "text": text("What its file would hold."),
            ], required: ["text"]),
        "Preview": object(
            nil,
            [
                "base": text("The version of the lists as they are."), "file": text,
                "difference": list(text("`+ …`, `- …` or `~ …`, for each entry that differs.")),
                "decided_otherwise": list(
                    object(
                        "Callers for whom the decision would change.",
                        ["source": text, "channel": text, "let_in": ["type": "boolean"], "last": time],
                        required: ["source", "channel", "let_in", "reason", "last"])),
                "complete": ["type": "boolean", "description": "False: not every caller was checked."],
            ], required: ["base", "file", "difference"]),
        "Reachability": object(
            nil,
            [
                "contacts": list(
                    object(
                        nil,
                        ["entry": text, "channel": text, "last": time, "overdue": ["type": "boolean"]],
                        required: ["entry", "service", "channel", "overdue"])),
                "findings": list(
                    object(
                        nil,
                        [
                            "area": text, "state": ["enum": ["ok", "warn", "fail"]], "text": text,
                            "fix": text,
                        ],
                        required: ["area", "state", "text"])),
            ], required: []),
        "Ledger": object(
            nil,
            [
                "entries": number, "unsigned": number, "unwitnessed": number,
                "signed": object(nil, ["size": number, "time": time], required: ["size", "time"]),
                "begins": object(nil, ["seq": number, "time": time], required: ["seq", "time"]),
                "witnesses": list(
                    object(
                        nil, ["name": text, "size": number, "time": time], required: ["name", "size", "time"])
                ),
            ], required: ["entries", "unsigned", "unwitnessed", "witnesses"]),
        "Job": object(
            "Something that runs in the background.",
            [
                "id": text, "kind": ["enum": .array(Job.Kind.allCases.map { .string($0.rawValue) })],
                "state": ["enum": ["running", "done", "failed"]], "title": text, "by": text, "began": time,
                "ended": time,
                "progress": object(nil, ["done": number, "of": number], required: ["done", "of"]),
                "lines": list(object(nil, ["state": text, "text": text], required: ["state", "text"])),
                "failure": text("Why it has no result."),
                "good": ["type": "boolean", "description": "Whether the answer is yes."],
                "summary": text("For people."), "result": ["type": "object"],
            ], required: ["id", "kind", "state", "title", "by", "began", "lines"]),
        "Period": body(
            ["since": time, "until": time, "comment": comment], required: ["since", "until"]),
        "Probe": body(
            [
                "kind": ["enum": ["webhook", "sftp"]],
                "target": text("A URL, or a host and port."), "comment": comment,
            ], required: ["kind", "target"]),
        "Rules": object(
            "As `dropgate rules list --format json`.", ["items": list(["type": "object"])],
            required: ["items"]),
        "Account": object(
            "As `dropgate account show --format json`.",
            [
                "name": text, "disabled": ["type": "boolean"],
                "password": ["type": "boolean", "description": "Whether it has one."], "role": text,
                "keys": list(["type": "object"]),
            ], required: ["name", "disabled", "password", "role", "keys"]),
        "Accounts": object(
            nil,
            ["items": list(OpenAPIDocument.reference("Account")), "problems": list(text)],
            required: ["items", "problems"]),
        "Drop": object(
            "The members of a receipt and what became of the drop, as `dropgate drops show --format json`; "
                + ".github/guides/consuming.md describes all.",
            [
                "id": text, "channel": text, "name": text, "file": text, "bytes": number, "sha256": text,
                "received": time, "released": time,
                "state": ["enum": .array((DropState.words + [DropView.held]).map { .string($0) })],
            ], required: ["id", "state", "channel", "name", "file", "received"]),
        "DropPage": page("Drop"),
        "Acknowledged": object(
            nil, ["id": text, "state": ["const": "acknowledged"]], required: ["id", "state"]),
        "Withdrawn": object(
            nil, ["id": text, "outcome": ["enum": ["removed", "quarantined"]]], required: ["id", "outcome"]),
        "Released": object(
            nil,
            ["id": text, "status": ["enum": ["stored", "duplicate"]], "name": text("Relative to ready/.")],
            required: ["id", "status"]),
    ]

    /// What `UntrustedText.isName` takes.
    private static let printable =
        #"^[^\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+$"#

    private static let comment: JSONValue = [
        "type": "string", "minLength": 1, "maxLength": .int(Int64(API.longestComment)),
        "pattern": .string(printable), "description": "Why; becomes part of the ledger's entry.",
    ]
    private static let text: JSONValue = ["type": "string"]
    private static let time: JSONValue = ["type": "string", "format": "date-time"]
    private static let number: JSONValue = [
        "type": "integer", "format": "int64", "minimum": 0, "maximum": .int(Parameter.numbers.upperBound),
    ]

    private static func text(_ about: String) -> JSONValue {
        ["type": "string", "description": .string(about)]
    }

    private static func list(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }

    private static func page(_ schema: String) -> JSONValue {
        object(
            nil, ["items": list(OpenAPIDocument.reference(schema)), "next": number], required: ["items"])
    }

    /// What is sent: nothing but these members.
    private static func body(_ properties: [String: JSONValue], required: [JSONValue]) -> JSONValue {
        [
            "type": "object", "additionalProperties": false, "properties": .object(properties),
            "required": .array(required),
        ]
    }

    private static func object(
        _ about: String?, _ properties: [String: JSONValue], required: [JSONValue]
    ) -> JSONValue {
        var members: [String: JSONValue] = [
            "type": "object", "properties": .object(properties), "required": .array(required),
        ]
        members["description"] = about.map { .string($0) }
        return .object(members)
    }
}
