// `--comment`, of every command that leaves an entry in the ledger with the name of who ran it.
import ArgumentParser
import Management

struct CommentOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The reason, in one line; it is recorded in the ledger, next to your user name.",
            valueName: "text"))
    var comment: String?

    func validate() throws {
        guard let comment else { return }
        do throws(ManagementError) { try Attribution.check(comment: comment) } catch {
            throw ValidationError("--comment: \(error)")
        }
    }

    /// The user of this process, with the comment.
    func attribution() throws -> Attribution { try Attribution(.current, comment: comment) }
}
