// `dropgate drops show`: one drop with its receipt.
import Admission
import ArgumentParser
import Foundation
import Ledger
import Settings

struct DropsShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one drop: where it came from, where it lies, its digest.")

    @Argument(help: "The drop's id.") var id: String
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let settings = try gate.settings()
        let drop = try TypedDrop(id)
        let reader = try LedgerReader(path: settings.ledger.path)
        let record = try drop.record(reader, settings)
        let json = try DropView(record, reader).json(staging: settings.staging.path)
        if output.isJSON { return Output.json(json) }
        let order = [
            "id", "state", "due", "name", "file", "bytes", "sha256", "channel", "account", "credential",
            "event_type",
            "event_id", "seq",
            "received", "released", "acknowledged",
        ]
        for name in order {
            guard let value = json[name] else { continue }
            let text = value.string ?? value.int.map { "\($0)" } ?? ""
            Output.line(name.padding(toLength: 14, withPad: " ", startingAt: 0) + OutsideText.stored(text))
        }
        if let ip = json["source"]?["ip"]?.string { Output.line("source        \(ip)") }
        let receipt =
            record.state == .withdrawn
            ? (json["file"]?.string ?? "").split(separator: "/", omittingEmptySubsequences: false).dropLast()
                .joined(separator: "/") + "/receipt.json"
            : "\(settings.staging.path)/receipts/\(record.id).json"
        if record.state != .pending { Output.line("receipt       \(OutsideText.stored(receipt))") }
    }
}
