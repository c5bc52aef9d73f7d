// `dropgate token`: who may sign in at the console, and ask its API.
import ArgumentParser
import Management

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens for the console: who may sign in and use its API.",
        discussion: """
            ROLES
              viewer     sees attempts, source lists, accounts, drops (not their contents), checks, /metrics
              auditor    as viewer; also exports, makes reports, and has the ledger verified
              operator   as auditor; also changes source lists, probes, acknowledges, releases, withdraws drops
              consumer   takes drops: sees them and their contents, and acknowledges them; sees no attempts

            Only a digest of a token is kept. A running gate picks up changes by itself. The API is described at \
            /api/v1/openapi.json of the console, and in .github/guides/api.md.
            """,
        subcommands: [TokenAddCommand.self, TokenListCommand.self, TokenRevokeCommand.self])
}

extension TokenRole: ExpressibleByArgument {}
