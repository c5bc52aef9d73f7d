// `dropgate source list`: every entry of every list, with what is due.
import Admission
import ArgumentParser
import JSON
import Management

struct SourceListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show every entry of the source lists.",
        discussion: """
            Shows which entries have expired and which are overdue for review. If the files have mistakes, it shows \
            the lists in force, says on stderr what is wrong with the files, and ends with status 78.
            """)

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let now = Instant.now()
        let lists = try SourceService(gate.settings()).lists(now: now)
        let policy = try lists.policy.get()
        lists.warn()
        try Output.answer {
            try show(policy, lists, now)
        } then: {
            if !lists.problems.isEmpty { throw ExitCode(ExitStatus.configuration.rawValue) }
        }
    }

    private func show(_ policy: Policy, _ lists: SourceLists, _ now: Instant) throws {
        if output.isJSON {
            return try Output.json(lists.listing(at: now))
        }
        var table = TextTable([
            "ENTRY", "BLOCK", "CHANNELS", "MODE", "REVIEW BY", "EXPIRES", "OWNER", "STATE",
        ])
        for entry in policy.entries {
            table.add([
                entry.id, entry.cidr.description, entry.channelWords.joined(separator: ","),
                entry.mode.rawValue,
                entry.reviewBy?.day ?? "-", entry.expires?.day ?? "-",
                entry.owner.map(UntrustedText.line) ?? "-",
                entry.state(at: now),
            ])
        }
        try Output.table(table) { $0 == 7 && $1 != "in force" ? Colour.yellow($1) : $1 }
        try Output.line(Colour.faint("policy \(policy.version)" + (lists.origin.map { ", \($0)" } ?? "")))
    }
}

extension Instant {
    /// The day in UTC.
    var day: String { String(description.prefix(10)) }
}
