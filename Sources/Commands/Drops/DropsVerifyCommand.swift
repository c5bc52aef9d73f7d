// `dropgate drops verify`: do the files under ready/ still have the bytes that the ledger recorded?
import Admission
import ArgumentParser
import Foundation
import JSON
import Ledger
import Management

struct DropsVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Compare released files and their receipts with the ledger.",
        discussion: """
            A file that its consumer has taken is counted, not blamed. Exit status 1 when a file has other bytes, \
            or its receipt other facts, than the ledger says.
            """)

    @Argument(help: "Ids of drops; all released ones when none is given.") var ids: [String] = []
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let settings = try gate.settings()
        let progress = Progress("verifying")
        // All are looked at, whether somebody reads of them or not: the status is an answer, too.
        var lines = LastingOutput(done: nil)
        let counts = try DropService(settings).verify(ids, progress: progress.show) { record, finding in
            try lines.print { try show(record, finding) }
        }
        progress.end()
        try Output.answer {
            try lines.finish()
            try summarise(counts)
        } then: {
            if counts[.altered] != nil || counts[.receiptDiffers] != nil {
                throw ExitCode(ExitStatus.no.rawValue)
            }
        }
    }

    private func show(_ record: DropRecord, _ finding: DropFinding) throws {
        let isWrong = finding == .altered || finding == .receiptDiffers
        guard isWrong || !ids.isEmpty else { return }
        if output.isJSON {
            try Output.json(["id": .string(record.id), "finding": .string(finding.rawValue)])
        } else {
            let colour: Colour = isWrong ? .red : .green
            try Output.line(
                "\(colour(finding.rawValue))  \(record.id)  \(UntrustedText.stored(record.readyPath))")
        }
    }

    private func summarise(_ counts: [DropFinding: Int64]) throws {
        if output.isJSON {
            let members = counts.map { ($0.key.rawValue, JSONValue.int($0.value)) }
            try Output.json(.object(Dictionary(uniqueKeysWithValues: members)))
        } else {
            // Of all released ones no other finding is possible.
            let always: Set<DropFinding> = [.intact, .altered, .receiptDiffers, .taken]
            let words = DropFinding.allCases.filter { always.contains($0) || counts[$0] != nil }
                .map { "\(counts[$0] ?? 0) \($0.rawValue)" }
            try Output.line(words.joined(separator: ", "))
        }
    }
}
