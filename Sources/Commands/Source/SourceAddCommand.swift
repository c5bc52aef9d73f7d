// `dropgate source add`: one entry more in a list file; every other line of the file stays.
import Admission
import ArgumentParser
import Management

struct SourceAddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add an entry to a source list.",
        discussion: """
            The entry goes to the end of the list's entries; what the list says for all of them (document, owner, \
            review_by) holds for it too. The file is read back before it replaces the old one.

            EXAMPLES
              dropgate source add 192.0.2.17 --service lab --channel webhook --owner "integration team"
              dropgate source add 198.51.100.0/28 --service trial --channel sftp --mode observe \\
                --expires 2027-01-31 --title "Mail of 23 November" --read 2026-11-23
            """)

    @Argument(help: "An address or a CIDR block.")
    var cidr: String

    @Option(help: "The service that calls, as in clinic.")
    var service: String

    @Option(help: "webhook or sftp; repeatable.")
    var channel: [Channel]

    @Option(help: ArgumentHelp("Name or file of the list; needed when there are several.", valueName: "list"))
    var list: String?

    @Option(help: "Title of the document that publishes the block; needs --read.")
    var title: String?

    @Option(help: "Page or section of the document.")
    var page: String?

    @Option(help: ArgumentHelp("The day on which the document was read.", valueName: "date"))
    var read: String?

    @Option(help: "Who answers for the entry.")
    var owner: String?

    @Option(help: ArgumentHelp("By when to look at the entry again.", valueName: "date"))
    var reviewBy: String?

    @Option(help: ArgumentHelp("From when on the entry no longer matches.", valueName: "date"))
    var expires: String?

    @Option(help: "enforce, or observe: let in and mark what would have been rejected.")
    var mode: SourceEntry.Mode = .enforce

    @Option(help: "Anything worth knowing.")
    var note: String?

    @OptionGroup var gate: GateOptions

    func validate() throws {
        try ArgumentText.checkWords(service, "--service")
        try ArgumentText.checkWords(title, "--title")
        try ArgumentText.checkWords(page, "--page")
        try ArgumentText.checkWords(owner, "--owner")
        // It may have several lines.
        for line in note?.split(separator: "\n") ?? [] { try ArgumentText.checkWords(String(line), "--note") }
        if channel.contains(.console) { throw ValidationError("--channel: the console has no source list") }
        if (title == nil) != (read == nil) { throw ValidationError("--title and --read go together") }
        if page != nil, title == nil { throw ValidationError("--page needs --title") }
    }

    func run() throws {
        let document = title.map { SourceEntry.Document(title: $0, page: page, read: read ?? "") }
        let added = try SourceService(gate.settings()).add(to: list) { list in
            SourceEntry(
                list: list, service: service, cidr: try ArgumentText.block(cidr), channels: Set(channel),
                document: document, owner: owner,
                reviewBy: try reviewBy.map { try ArgumentText.instant($0, "--review-by") },
                expires: try expires.map { try ArgumentText.instant($0, "--expires") }, mode: mode, note: note
            )
        }
        try Output.line("+ \(added.summary)")
    }
}
