// `dropgate token`: who may ask the console's API.
import ArgumentParser
import Management

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens of the console: who may ask its API, and for what.",
        discussion: """
            ROLES
              viewer     looks: attempts, drops without what they hold, problems, /metrics
              auditor    as viewer
              operator   looks, acknowledges drops, and releases events that are held in quarantine
              consumer   takes drops: sees them and what they hold, and acknowledges them; sees no attempts

            Only a digest of a token is kept. A running gate takes changes over by itself. The API is described under \
            /api/v1/openapi.json of the console, and in .github/guides/api.md.
            """,
        subcommands: [TokenAddCommand.self, TokenListCommand.self, TokenRevokeCommand.self])
}

extension TokenRole: ExpressibleByArgument {}
