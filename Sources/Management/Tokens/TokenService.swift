// Who may ask the console: its tokens, and their changes. A running gate takes changes over by itself, at the next request.
package import Admission
import Foundation
package import Settings

/// Methods throw `ManagementError`, or the error of a file.
package struct TokenService: Sendable {
    package struct Listing: Sendable {
        /// By name.
        package let tokens: [ConsoleToken]
        /// What is wrong with other files; those tokens are not good.
        package let problems: [String]
    }

    package typealias Warn = @Sendable (String) -> Void

    private let settings: GateSettings
    private let store: TokenStore

    package init(_ settings: GateSettings) {
        self.settings = settings
        store = TokenStore(directory: settings.layout.tokens)
    }

    package func list() throws(ManagementError) -> Listing {
        var tokens: [ConsoleToken] = []
        var problems: [String] = []
        for name in try store.names() {
            do throws(ManagementError) { tokens.append(try store.load(name)) } catch {
                problems.append(error.description)
            }
        }
        return Listing(tokens: tokens, problems: problems)
    }

    // MARK: Changes

    // Each has an entry in the ledger, with who made it and why; `warn` is told what could not be recorded.

    /// Makes a token. Returns it, and the one copy of what its owner shows.
    package func add(
        _ name: String, _ role: TokenRole, expires: Instant? = nil, note: String? = nil,
        at now: Instant = .now(), by attribution: Attribution, warn: @escaping Warn
    ) async throws -> (token: ConsoleToken, secret: String) {
        let made = try ConsoleToken.make(name, role, created: now, expires: expires, note: note)
        try store.add(made.token)
        let until = expires.map { ", until \($0)" } ?? ""
        await record("token add", name, "+ \(name) (\(role.rawValue)\(until))", attribution, warn)
        return made
    }

    /// From now on the token is not good any more, for streams that are open, too.
    package func revoke(_ name: String, by attribution: Attribution, warn: @escaping Warn) async throws {
        guard try store.remove(name) else {
            throw ManagementError(
                .refused, "there is no token \(name)", fix: "`dropgate token list` shows what there is")
        }
        await record("token revoke", name, "- \(name)", attribution, warn)
    }

    private func record(
        _ command: String, _ name: String, _ line: String, _ attribution: Attribution, _ warn: @escaping Warn
    ) async {
        await Authority.recordChange(
            ManagedChange(command, file: store.path(of: name), lines: [line], isInForce: true),
            by: attribution,
            settings: settings, warn: warn)
    }
}
