// `dropgate token revoke`: nobody gets anything with a token any more.
import ArgumentParser
import Management

struct TokenRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Revoke a token: it stops working, and streams that it opened end.")

    @Argument(help: "The token's name.", transform: ArgumentText.notEmpty) var name: String
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await TokenService(gate.settings()).revoke(
            name, by: remark.attribution(), warn: { Output.note($0) })
        try Output.done { try Output.line("revoked \(name)") }
    }
}
