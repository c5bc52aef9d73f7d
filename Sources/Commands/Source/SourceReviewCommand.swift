// `dropgate source review` and `dropgate source expire`: one date of an entry; every other line of its file stays.
import Admission
import ArgumentParser
import Management
import Settings

struct SourceReviewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "review", abstract: "Set the date of an entry's next review.",
        discussion: """
            Use it once you have read VSee's document again and found the entry right. What the entry decides does not change.

            EXAMPLES
              dropgate source review vsee-qatar/clinic --by 2027-05-31 --comment "read the document again"
            """)

    @Argument(
        help: "The entry's id, as `dropgate source list` shows it.", transform: ArgumentText.notEmpty)
    var id: String
    @Option(help: ArgumentHelp("The date of the next review; dates are local (TZ).", valueName: "date"))
    var by: String
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await gate.change(.review(id, by: try ArgumentText.instant(by, "--by")), remark)
    }
}

struct SourceExpireCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expire", abstract: "Set when an entry stops matching.",
        discussion: """
            The entry stays in its list, so that later attempts are reported as coming from an expired entry. The command also says \
            what the change means for those who called in the last 30 days.

            EXAMPLES
              dropgate source expire vsee-qatar/clinic                    now
              dropgate source expire vsee-qatar/clinic --at 2027-01-31
            """)

    @Argument(
        help: "The entry's id, as `dropgate source list` shows it.", transform: ArgumentText.notEmpty)
    var id: String
    @Option(
        help: ArgumentHelp("When it stops matching; dates are local (TZ). Default: now.", valueName: "date"))
    var at: String?
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let moment = try at.map { try ArgumentText.instant($0, "--at") } ?? Instant.now()
        try await gate.change(.expire(id, at: moment), remark)
    }
}

extension GateOptions {
    /// Makes a change of a source list, and says what it has changed and what that means for recent callers.
    func change(_ change: SourceChange, _ remark: CommentOption) async throws {
        let service = SourceService(try settings())
        let effect = ListChangeEffect(service)
        do {
            let preview = try service.preview(change)
            try await service.make(
                change, base: preview.base, by: remark.attribution(), warn: { Output.note($0) })
            var answer = LastingOutput()
            for line in preview.difference { try answer.line(line) }
            effect.tell()
            try answer.finish()
        } catch let error as ManagementError {
            throw error.asUsage
        }
    }
}
