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
        Self.json(try services.ledger.standing().json, for: call.request)
    }

    // MARK: Rules

    func rules(_ call: Call) throws -> Response {
        Self.json(["items": .array(try services.rules.books().map(\.json))], for: call.request)
    }

    func rulesExport(_ call: Call) async throws -> Response {
        Self.text(try await services.firewallRules(call.parameters) ?? "", for: call.request)
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
