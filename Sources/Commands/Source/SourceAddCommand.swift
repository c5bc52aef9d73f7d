// `dropgate source add`: one entry more in a list file; every other line of the file stays.
import Admission
import ArgumentParser
import Management
import Settings

struct SourceAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add an entry to a source list.",
        discussion: """
            The entry is added at the end of the list. The list's owner, review date, expiry and note apply to it unless you \
            give others. The list's document does not: say with --document and --read where this block was \
            published; otherwise the entry records that there is no document. The new file is read back before it replaces the old one.

            It also says what the change means for those who called in the last 30 days.

            EXAMPLES
              dropgate source add 192.0.2.17 --service lab --channel webhook --owner "integration team"
              dropgate source add 198.51.100.0/28 --service trial --channel sftp --mode observe \\
                --expires 2027-01-31 --document "Mail of 23 November" --read 2026-11-23
              dropgate source add 192.0.2.18 --service lab --id lab-2 --channel webhook
            """)

    @Argument(help: "An address or a CIDR block.")
    var cidr: String

    @Option(help: "The service that calls, such as clinic.")
    var service: String

    @Option(
        help: ArgumentHelp(
            "A name that tells it from other entries of the service in this list. Default: the service's name.",
            valueName: "name"))
    var id: String?

    @Option(help: "webhook or sftp; repeatable.")
    var channel: [Channel]

    @Option(
        help: ArgumentHelp("Name or file of the list; needed when there are several.", valueName: "list"),
        transform: ArgumentText.notEmpty)
    var list: String?

    @Option(
        name: [.long, .customLong("title")],
        help: ArgumentHelp(
            "Title of the document that publishes the block; needs --read.", valueName: "title"))
    var document: String?

    @Option(help: "Page or section of the document.")
    var page: String?

    @Option(
        help: ArgumentHelp(
            "The day on which the document was read: today or earlier, local time (TZ).", valueName: "date"))
    var read: String?

    @Option(help: "Who answers for the entry.")
    var owner: String?

    @Option(
        help: ArgumentHelp("When the entry is due for review; dates are local (TZ).", valueName: "date"))
    var reviewBy: String?

    @Option(
        help: ArgumentHelp(
            "When the entry stops matching; dates are local (TZ).", valueName: "date"))
    var expires: String?

    @Option(help: "enforce; or observe: let callers in, and mark what would have been rejected.")
    var mode: SourceEntry.Mode = .enforce

    @Option(help: "Anything worth knowing.")
    var note: String?

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func validate() throws {
        for (text, option) in [(service, "--service"), (id, "--id")] {
            guard let text, !SourceListReader.isName(text) else { continue }
            throw ValidationError("\(option): \(SourceListReader.noName(text))")
        }
        try ArgumentText.checkWords(document, "--document")
        try ArgumentText.checkWords(page, "--page")
        try ArgumentText.checkWords(owner, "--owner")
        // It may have several lines.
        for line in note?.split(separator: "\n") ?? [] { try ArgumentText.checkWords(String(line), "--note") }
        if channel.contains(.console) { throw ValidationError("--channel: the console has no source list") }
        if (document == nil) != (read == nil) { throw ValidationError("--document and --read go together") }
        if page != nil, document == nil { throw ValidationError("--page needs --document") }
    }

    func run() async throws {
        let service = SourceService(try gate.settings())
        if read != nil { ArgumentText.warnOfZone("--read") }
        let effect = ListChangeEffect(service)
        let added: SourceEntry
        do {
            added = try await service.add(
                to: list, by: remark.attribution(), place: .here, warn: { Output.note($0) }, entry)
        } catch let error as ManagementError {
            throw error.asUsage
        }
        var answer = LastingOutput()
        try answer.line("+ \(added.summary)")
        for (name, value) in added.provenance { try answer.line("  \(name): \(value)") }
        effect.tell()
        try answer.finish()
    }

    private func entry(of list: String) throws -> SourceEntry {
        let source = document.map { SourceEntry.Document(title: $0, page: page, read: read ?? "") }
        var entry = SourceEntry(
            list: list, service: service, cidr: try ArgumentText.block(cidr), channels: Set(channel),
            document: source, owner: owner,
            reviewBy: try reviewBy.map { try ArgumentText.instant($0, "--review-by") },
            expires: try expires.map { try ArgumentText.instant($0, "--expires") }, mode: mode, note: note)
        if id != service { entry.ownID = id }
        return entry
    }
}
