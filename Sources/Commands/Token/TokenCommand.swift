// `dropgate token`: who may sign in at the console, and ask its API.
import ArgumentParser
import Management

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens of the console: who may sign in and ask its API.",
        discussion: """
            ROLES
              viewer     looks: attempts, source lists, accounts, drops without what they hold, checks, /metrics
              auditor    looks, exports, makes reports, and has the ledger verified
              operator   as auditor; changes source lists, acknowledges, releases and withdraws drops, probes
              consumer   takes drops: sees them and what they hold, and acknowledges them; sees no attempts

            Only a digest of a token is kept. A running gate takes changes over by itself. The API is described under \
            /api/v1/openapi.json of the console, and in .github/guides/api.md.
            """,
        subcommands: [TokenAddCommand.self, TokenListCommand.self, TokenRevokeCommand.self])
}

extension TokenRole: ExpressibleByArgument {}
