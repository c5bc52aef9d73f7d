// `dropgate drops show`: one drop with its receipt.
import Admission
import ArgumentParser
import Foundation
import JSON
import Management
import Settings

struct DropsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a drop: where it came from, where it is, its digest.",
        discussion: """
            You can also give a path: absolute, or relative to the current directory, to the staging directory, or to ready/ in it. \
            The path of a batch (its directory, its one file or its receipts) shows all its events. A file that was moved is \
            recognised by its name if that contains the drop's id.

            EXAMPLES
              dropgate drops show 01jdk2v8q3m5t7w9y1b3d5f7h9
              dropgate drops show ready/sftp/acme/2026/labs.csv
              dropgate drops show /var/lib/dropgate/staging/ready/webhook/2026-11-23/081530.123456Z-events-01jdk2v8q3m5t7w9y1b3d5f7h9.ndjson:2
            """)

    @Argument(
        help: "The id of a drop or of a held event, or the path of a file.", transform: ArgumentText.notEmpty)
    var drop: String
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    private static let order = [
        "drop", "state", "reason", "due", "name", "uploaded_as", "file", "line", "bytes", "sha256", "channel",
        "source",
        "account", "credential", "entries", "policy", "event_type", "event_id", "envelope", "duplicate_of",
        "same_event_as", "origin", "seq", "modified", "received", "pulled", "released", "taken",
        "acknowledged",
        "receipt_file",
    ]

    func run() throws {
        let settings = try gate.settings()
        let views = try DropService(settings).show(drop).map { try $0.json(staging: settings.staging.path) }
        for (number, view) in views.enumerated() {
            if output.isJSON {
                try Output.json(view)
            } else {
                if number > 0 { try Output.line("") }
                for line in Self.lines(view) { try Output.line(line) }
            }
        }
    }

    private static func lines(_ view: JSONValue) -> [String] {
        order.compactMap { name in
            guard let value = view[name] else { return nil }
            var text = value.string ?? value.int.map { "\($0)" } ?? ""
            if let list = value.array { text = list.compactMap(\.string).joined(separator: ", ") }
            if name == "file" || name == "receipt_file" {
                text = (view["staging"]?.string ?? "") + "/" + text
            }
            return name.padding(toLength: 15, withPad: " ", startingAt: 0) + UntrustedText.stored(text)
        }
    }
}
