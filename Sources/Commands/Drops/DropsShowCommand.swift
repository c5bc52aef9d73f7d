// `dropgate drops show`: one drop with its receipt.
import Admission
import ArgumentParser
import Foundation
import JSON
import Management
import Settings

struct DropsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one drop: where it came from, where it lies, its digest.")

    @Argument(help: "The drop's id.") var id: String
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let settings = try gate.settings()
        let drops = DropService(settings)
        let view = try drops.show(id)
        let json = view.json(staging: settings.staging.path)
        if output.isJSON { return try Output.json(json) }
        let order = [
            "id", "state", "due", "name", "file", "bytes", "sha256", "channel", "account", "credential",
            "event_type",
            "event_id", "seq",
            "received", "released", "acknowledged",
        ]
        for name in order {
            guard let value = json[name] else { continue }
            let text = value.string ?? value.int.map { "\($0)" } ?? ""
            try Output.line(
                name.padding(toLength: 14, withPad: " ", startingAt: 0) + UntrustedText.stored(text))
        }
        if let ip = json["source"]?["ip"]?.string { try Output.line("source        \(ip)") }
        if let receipt = drops.receiptPath(view) {
            try Output.line("receipt       \(UntrustedText.stored(receipt))")
        }
    }
}
