// The description of the API (OpenAPI 3.1.0), made of what routes its requests. It is served, and a test holds the API to it. Pure.
import HTTPTypes
import JSON
import Management

enum OpenAPIDocument {
    static let bytes = CanonicalJSON.encode(value) + [0x0A]

    private static let about = """
        Attempts and drops of one gate, for monitors and for the programs that take drops. A token of the console is needed (`dropgate \
        token add NAME --role ROLE`); what it may do depends on its role: viewer and auditor look, operator decides too, consumer takes \
        drops and sees no attempts. Refused requests are entries of the ledger, and so is everything that changes something or hands out \
        what a drop holds. Lists come newest first; `next`, if there is one, is the `before` of the next page. A page may have fewer \
        items than asked for, or none, although there is a next one: each searches a bounded part of the ledger. Members may be added to \
        objects; ignore what you do not know.
        """

    private static var value: JSONValue {
        var paths: [String: [String: JSONValue]] = [:]
        for operation in API.operations {
            paths["/" + operation.path, default: [:]][operation.method.rawValue.lowercased()] = described(
                operation)
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Dropgate", "version": "1", "description": .string(about),
                "summary": "What came to a gate, what was decided, and what lies ready.",
            ],
            "servers": [["url": .string(API.root)]],
            "security": [["token": []], ["session": []]],
            "paths": .object(paths.mapValues(JSONValue.object)),
            "components": [
                "securitySchemes": [
                    "token": ["type": "http", "scheme": "bearer", "description": "A token of the console."],
                    "session": [
                        "type": "apiKey", "in": "cookie", "name": "dropgate",
                        "description":
                            "Of a browser that has signed in at the console; over TLS it is __Host-dropgate. What changes or begins something needs the session's form key, too, as X-Dropgate-Form-Key.",
                    ],
                ],
                "schemas": .object(OpenAPISchemas.all),
            ],
        ]
    }

    private static func described(_ operation: Operation) -> JSONValue {
        let roles = operation.permission.map { permission in
            " Roles: "
                + TokenRole.allCases.filter { $0.may(permission) }.map(\.rawValue).joined(separator: ", ")
                + "."
        }
        let parameters =
            operation.parameters + (operation.answer.isTagged && !operation.isChange ? [.ifNoneMatch] : [])
        var members: [String: JSONValue] = [
            "operationId": .string(operation.id), "summary": .string(operation.summary),
            "description": .string(operation.about + (roles ?? "")),
            "parameters": .array(parameters.map(\.described)), "responses": .object(responses(operation)),
        ]
        if operation.permission == nil { members["security"] = [] }
        if operation.isChange {
            members["requestBody"] = [
                "required": .bool(operation.body.isRequired),
                "content": ["application/json": ["schema": reference(operation.body.schema)]],
            ]
        }
        return .object(members)
    }

    // MARK: Answers

    private static func responses(_ operation: Operation) -> [String: JSONValue] {
        var all = ["\(operation.success)": success(operation)]
        for refusal in operation.problems + common(operation) where all["\(refusal.status)"] == nil {
            all["\(refusal.status)"] = [
                "description": .string(refusal.about),
                "content": ["application/problem+json": ["schema": reference("Problem")]],
            ]
        }
        if operation.answer.isTagged, !operation.isChange {
            all["304"] = ["description": "Unchanged since the caller got it."]
        }
        return all
    }

    /// Refusals that an operation has by what it is.
    private static func common(_ operation: Operation) -> [Operation.Refusal] {
        var common = [
            Operation.Refusal(400, "A parameter or the body is unknown, given twice, or cannot be read."),
            Operation.Refusal(
                403, "The token's role may not do this, or the request comes from a page of another site."),
        ]
        if operation.permission != nil {
            common += [
                .init(401, "The token is missing or not valid."),
                .init(500, "Something failed in the gate; its log says what."),
                .init(503, "Something in the gate has to be fixed first: try again after Retry-After."),
            ]
        }
        if operation.isChange {
            common += [.init(413, "The body is too long."), .init(415, "The body is not application/json.")]
        }
        return common
    }

    private static func success(_ operation: Operation) -> JSONValue {
        var members: [String: JSONValue] = ["description": .string(operation.summary + ".")]
        switch operation.answer {
        case .json(let schema): members["content"] = ["application/json": ["schema": reference(schema)]]
        case .text: members["content"] = ["text/plain": ["schema": ["type": "string"]]]
        case .events: members["content"] = ["text/event-stream": ["schema": ["type": "string"]]]
        case .bytes: members["content"] = ["application/octet-stream": [:]]
        }
        if operation.answer.isTagged, !operation.isChange {
            members["headers"] = [
                "ETag": [
                    "description":
                        "The tag of this answer; send it as If-None-Match to ask whether the answer is still the same.",
                    "schema": ["type": "string"],
                ]
            ]
        }
        return .object(members)
    }

    static func reference(_ schema: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(schema)")]
    }
}

extension Parameter {
    fileprivate var described: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "in": .string(place.rawValue), "description": .string(about),
            "required": .bool(isRequired), "schema": isList ? ["type": "array", "items": schema] : schema,
        ]
        if isList { (members["style"], members["explode"]) = ("form", true) }
        return .object(members)
    }

    private var schema: JSONValue {
        switch form {
        case .number(let range, let standard):
            var members: [String: JSONValue] = [
                "type": "integer", "format": "int64", "minimum": .int(range.lowerBound),
                "maximum": .int(range.upperBound),
            ]
            members["default"] = standard.map { .int($0) }
            return .object(members)
        case .words(let words):
            return ["type": "string", "enum": .array(words.map { .string($0) })]
        case .time: return ["type": "string", "format": "date-time"]
        // A field of a header may be empty.
        case .text(nil) where place == .header: return ["type": "string"]
        case .text(nil): return ["type": "string", "minLength": 1]
        case .text(let pattern?): return ["type": "string", "pattern": .string(pattern)]
        }
    }
}
