// Which OCSF class an entry is an event of, its activity, and the attributes that only that class has.
import Admission
import JSON
import Ledger

struct OCSFClass {
    let uid: Int64
    let name: String
    let activity: (id: Int64, name: String)
    var attributes: [String: JSONValue?] = [:]

    init(_ facts: EntryFacts) {
        self =
            switch facts.kind {
            case .connection, .probe: Self.network(facts)
            case .request: Self.http(facts)
            case .login: Self.authentication(facts)
            case .transfer: Self.fileHosting(facts)
            case .policy: Self.entityManagement(facts)
            case .service: Self.applicationLifecycle(facts)
            case .access: Self.datastore(facts)
            case nil: Self(uid: 0, name: "Base Event", activity: (0, "Unknown"))
            }
    }

    private init(
        uid: Int64, name: String, activity: (id: Int64, name: String), attributes: [String: JSONValue?] = [:]
    ) {
        self.uid = uid
        self.name = name
        self.activity = activity
        self.attributes = attributes
    }

    // MARK: Network Activity category

    private static func network(_ facts: EntryFacts) -> Self {
        let activity: (Int64, String) =
            switch facts.reason {
            case .tlsFailed, .handshakeFailed, .timeout: (4, "Fail")
            default: facts.verdict == .rejected ? (5, "Refuse") : (1, "Open")
            }
        return Self(
            uid: 4001, name: "Network Activity", activity: activity,
            attributes: [
                "src_endpoint": source(facts), "dst_endpoint": gate(facts),
                "connection_info": inboundTCP(facts),
            ])
    }

    private static let methods: [String: (Int64, String)] = [
        "CONNECT": (1, "Connect"), "DELETE": (2, "Delete"), "GET": (3, "Get"), "HEAD": (4, "Head"),
        "OPTIONS": (5, "Options"), "POST": (6, "Post"), "PUT": (7, "Put"), "TRACE": (8, "Trace"),
    ]

    private static func http(_ facts: EntryFacts) -> Self {
        let method = facts.at("request.method")
        let path = facts.at("request.path")
        let status = facts.at("request.status")?.int
        let request: [String: JSONValue?] = [
            "uid": facts.at("request.id"), "http_method": method,
            "url": .members(["path": path]),
        ]
        return Self(
            uid: 4002, name: "HTTP Activity",
            activity: method?.string.map { methods[$0] ?? (99, "Other") } ?? (0, "Unknown"),
            attributes: [
                "src_endpoint": source(facts), "dst_endpoint": gate(facts),
                "connection_info": inboundTCP(facts),
                "http_request": .object(request.compactMapValues { $0 }),
                "http_response": status.map { ["code": .int($0)] },
                "file": facts.fileName == nil ? nil : file(facts),
            ])
    }

    // MARK: Identity and Access Management category

    private static func authentication(_ facts: EntryFacts) -> Self {
        let credential = facts.value["credential"]
        let method = facts.at("detail.method")
        return Self(
            uid: 3002, name: "Authentication", activity: (1, "Logon"),
            attributes: [
                "src_endpoint": source(facts), "dst_endpoint": gate(facts),
                "service": .members(["name": facts.value["channel"]]),
                "user": .members([
                    "name": .string(facts.user ?? "Unknown"), "credential_uid": credential,
                ]),
                "auth_protocol_id": method == nil ? nil : 99, "auth_protocol": method,
                "logon_type_id": 3, "logon_type": "Network", "is_remote": true,
            ])
    }

    /// The source lists or the accounts of the gate were changed, or a change was refused.
    private static func entityManagement(_ facts: EntryFacts) -> Self {
        let version = facts.value["policy"]
        let isOfAccounts = facts.at("detail.accounts") != nil
        return Self(
            uid: 3004, name: "Entity Management", activity: (3, "Update"),
            attributes: [
                "entity": isOfAccounts
                    ? ["name": "accounts", "type": "Accounts", "type_id": 99]
                    : .members([
                        "name": "source lists", "type": "Policy", "type_id": 5, "version": version,
                        "policy": .members(["name": "source lists", "version": version]),
                    ])
            ])
    }

    // MARK: Application Activity category

    private static let operations: [String: (Int64, String)] = [
        "REMOVE": (4, "Delete"), "RMDIR": (4, "Delete"), "RENAME": (5, "Rename"), "READ": (2, "Download"),
        "OPEN": (1, "Upload"), "WRITE": (1, "Upload"), "CLOSE": (1, "Upload"),
    ]

    private static func fileHosting(_ facts: EntryFacts) -> Self {
        let operation = facts.at("detail.operation")?.string
        return Self(
            uid: 6006, name: "File Hosting Activity",
            activity: operation.map { operations[$0] ?? (99, "Other") } ?? (1, "Upload"),
            attributes: [
                "src_endpoint": source(facts), "dst_endpoint": gate(facts),
                "connection_info": inboundTCP(facts), "file": file(facts),
                "actor": .members(["user": .members(["name": .string(facts.user ?? "Unknown")])]),
            ])
    }

    private static func applicationLifecycle(_ facts: EntryFacts) -> Self {
        let activity: (Int64, String) =
            switch facts.reason {
            case .started: (3, "Start")
            case .stopped: (4, "Stop")
            default: (99, "Other")
            }
        return Self(
            uid: 6002, name: "Application Lifecycle", activity: activity,
            attributes: [
                "app": .members([
                    "name": .string(Product.name), "vendor_name": .string(Product.vendor),
                    "version": facts.at("detail.version"),
                ])
            ])
    }

    /// Somebody read or exported what the gate keeps.
    private static func datastore(_ facts: EntryFacts) -> Self {
        Self(
            uid: 6005, name: "Datastore Activity", activity: (1, "Read"),
            attributes: [
                "src_endpoint": source(facts), "dst_endpoint": gate(facts), "type_id": 1,
                "type": "Database",
                "database": ["name": "ledger", "type_id": 1, "type": "Relational"],
                "query_info": facts.at("detail.query").map { ["name": "query", "query_string": $0] },
                "actor": .members([
                    "user": .members([
                        "name": .string(facts.user ?? "Unknown"),
                        "uid": facts.at("detail.uid")?.int.map { .string("\($0)") },
                    ]),
                    "app_name": facts.at("detail.command"),
                ]),
            ])
    }

    // MARK: Objects

    /// A required attribute: where no address is known the object says so.
    private static func source(_ facts: EntryFacts) -> JSONValue? {
        .members(["ip": facts.source?["ip"], "port": facts.source?["port"]]) ?? ["name": "Unknown"]
    }

    private static func gate(_ facts: EntryFacts) -> JSONValue? {
        .members([
            "name": .string(facts.node.isEmpty ? "Unknown" : facts.node), "svc_name": facts.value["channel"],
        ])
    }

    private static func inboundTCP(_ facts: EntryFacts) -> JSONValue? {
        guard facts.kind != .probe else { return nil }
        return ["direction_id": 1, "direction": "Inbound", "protocol_num": 6, "protocol_name": "tcp"]
    }

    private static func file(_ facts: EntryFacts) -> JSONValue? {
        let path = facts.fileName
        let digest = facts.at("drop.sha256")
        return .members([
            "name": .string(path?.split(separator: "/").last.map(String.init) ?? "Unknown"),
            "path": .text(path), "uid": facts.at("drop.id"), "size": facts.at("drop.bytes"),
            "type_id": path == nil ? 0 : 1, "type": path == nil ? "Unknown" : "Regular File",
            "hashes": digest.map { [["algorithm_id": 3, "algorithm": "SHA-256", "value": $0]] },
        ])
    }
}
