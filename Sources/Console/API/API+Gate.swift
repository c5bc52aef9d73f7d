// The gate's surroundings: who was heard from, what its checks find, VSee's network rules, accounts, and the ledger as a whole.
import Admission
import Hummingbird
import Intake
import JSON
import Ledger
import Management
import Reachability
import RuleBook
import Settings

extension API {
    func reachability(_ call: Call) throws -> Response {
        var members: [String: JSONValue] = [:]
        members["contacts"] = watch.contacts.map { .array($0.map(\.json)) }
        members["findings"] = watch.findings.map { .array($0.map(\.json)) }
        return Self.json(.object(members), for: call.request)
    }

    func ledger(_ call: Call) throws -> Response {
        let reader = try services.settings.ledgerHandle.reader()
        let size = try reader.size()
        let signed = try reader.newestCheckpoint()?.checkpoint
        let witnessed = try reader.witnessed()
        var members: [String: JSONValue] = [
            "entries": .int(size), "unsigned": .int(size - (signed?.size ?? 0)),
            "unwitnessed": .int(size - (witnessed.map(\.size).max() ?? 0)),
            "witnesses": .array(
                witnessed.map {
                    [
                        "name": .string($0.name), "size": .int($0.size),
                        "time": .string($0.time.description),
                    ]
                }),
        ]
        members["signed"] = signed.map {
            ["size": .int($0.size), "time": .string($0.time.description)]
        }
        members["begins"] = try reader.beginning().map {
            ["seq": .int($0.seq), "time": .string($0.time.description)]
        }
        return Self.json(.object(members), for: call.request)
    }

    // MARK: Rules

    func rules(_ call: Call) throws -> Response {
        Self.json(["items": .array(try services.rules.books().map(\.json))], for: call.request)
    }

    func rulesExport(_ call: Call) async throws -> Response {
        let isIngress = try call.parameters.text(.wantedDirection) == "ingress"
        _ = try call.parameters.words(.wantedDirection) { $0 }
        let format = try call.parameters.words(.wantedFirewall, ExportFormat.init).first ?? .json
        let text = try await services.rules.export(
            isIngress ? .ingress(channels: []) : .egress(RuleService.Egress()), as: format, at: intake.now)
        return Self.text(text, for: call.request)
    }

    // MARK: Accounts

    func accounts(_ call: Call) throws -> Response {
        let listing = try services.accounts.list()
        return Self.json(
            [
                "items": .array(listing.accounts.map(\.json)),
                "problems": .array(listing.problems.map { .string("\($0)") }),
            ], for: call.request)
    }

    func account(_ call: Call) throws -> Response {
        do {
            return Self.json(
                try services.accounts.show(call.parameters.text(.accountName) ?? "").json, for: call.request)
        } catch let error as ManagementError where [.refused, .invalid].contains(error.code) {
            throw Problem(.notFound, "not_found", "there is no account of this name")
        }
    }
}
