// `dropgate account disable`, `enable` and `remove`: the three small changes of an account.
import ArgumentParser
import Management

struct AccountDisableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Block logins to an account until it is enabled again.",
        discussion: """
            Whoever logs in with its credential is told that it is disabled, and can do nothing; open sessions deliver nothing more. \
            What was delivered stays.
            """)

    @Argument(help: "The account.", transform: ArgumentText.notEmpty) var name: String
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await AccountService(gate.settings()).setDisabled(
            true, of: name, by: remark.attribution(), warn: { Output.note($0) })
        try Output.done { try Output.line("disabled \(name)") }
    }
}

struct AccountEnableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Let a disabled account log in again.")

    @Argument(help: "The account.", transform: ArgumentText.notEmpty) var name: String
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await AccountService(gate.settings()).setDisabled(
            false, of: name, by: remark.attribution(), warn: { Output.note($0) })
        try Output.done { try Output.line("enabled \(name)") }
    }
}

struct AccountRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove an account. What it delivered stays.")

    @Argument(help: "The account.", transform: ArgumentText.notEmpty) var name: String
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await AccountService(gate.settings()).remove(
            name, by: remark.attribution(), warn: { Output.note($0) })
        try Output.done { try Output.line("removed \(name)") }
    }
}
