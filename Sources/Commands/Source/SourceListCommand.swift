// `dropgate source list`: every entry of every list, with what is due.
import Admission
import ArgumentParser
import JSON
import Ledger
import Management
import Settings

struct SourceListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show every entry of the source lists.",
        discussion: "Says what has expired and which entries should have been reviewed by now.")

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let policy = try SourceService(gate.settings()).policy()
        let now = Instant.now()
        if output.isJSON {
            Output.json([
                "policy": .string(policy.version), "entries": .array(policy.entries.map { $0.json(at: now) }),
            ])
            return
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
        for line in table.lines(colour: { $0 == 7 && $1 != "in force" ? Colour.yellow($1) : $1 }) {
            Output.line(line)
        }
        Output.line(Colour.faint("policy \(policy.version)"))
    }
}

extension Instant {
    /// The day in UTC.
    var day: String { String(description.prefix(10)) }
}

extension SourceEntry {
    var channelWords: [String] { Channel.allCases.filter(channels.contains).map(\.rawValue) }

    /// What an operator should know of an entry now.
    func json(at now: Instant) -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "list": .string(list), "service": .string(service),
            "cidr": .string(cidr.description), "channels": .array(channelWords.map(JSONValue.string)),
            "mode": .string(mode.rawValue), "state": .string(state(at: now)),
        ]
        members["owner"] = owner.map(JSONValue.string)
        members["note"] = note.map(JSONValue.string)
        members["review_by"] = reviewBy.map { .string($0.description) }
        members["expires"] = expires.map { .string($0.description) }
        if let document {
            var facts: [String: JSONValue] = [
                "title": .string(document.title), "read": .string(document.read),
            ]
            facts["page"] = document.page.map(JSONValue.string)
            members["document"] = .object(facts)
        }
        return .object(members)
    }
}
