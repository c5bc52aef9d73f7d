// `dropgate drops verify`: do the files under ready/ still have the bytes that the ledger recorded?
import Admission
import ArgumentParser
import Foundation
import Ledger
import Settings
import Staging

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
        let reader = try LedgerReader(path: settings.ledger.path)
        let check = try DropCheck(staging: settings.staging.path, reader: reader)
        var counts: [DropCheck.Finding: Int64] = [:]
        func verify(_ record: DropRecord) throws {
            let finding = try check.look(at: record)
            counts[finding, default: 0] += 1
            let isWrong = finding == .altered || finding == .receiptDiffers
            guard isWrong || !ids.isEmpty else { return }
            if output.isJSON {
                Output.json(["id": .string(record.id), "finding": .string(finding.rawValue)])
            } else {
                let colour: Colour = isWrong ? .red : .green
                Output.line(
                    "\(colour(finding.rawValue))  \(record.id)  \(OutsideText.stored(record.readyPath))")
            }
        }
        let progress = Progress("verifying")
        if ids.isEmpty {
            let all = try reader.lastSeq() ?? 0
            var before: Int64?
            while true {
                let records = try reader.drops(
                    states: [.released, .acknowledged], before: before, limit: 500)
                for record in records {
                    try verify(record)
                    progress.show(all - record.seq, of: all)
                }
                guard let last = records.last else { break }
                before = last.seq
            }
        }
        progress.end()
        for id in ids {
            try verify(TypedDrop(id).record(reader, settings))
        }
        summarise(counts)
        if counts[.altered] != nil || counts[.receiptDiffers] != nil {
            throw ExitCode(ExitStatus.no.rawValue)
        }
    }

    private func summarise(_ counts: [DropCheck.Finding: Int64]) {
        if output.isJSON {
            let members = counts.map { ($0.key.rawValue, JSONValue.int($0.value)) }
            Output.json(.object(Dictionary(uniqueKeysWithValues: members)))
        } else {
            // Of all released ones no other finding is possible.
            let always: Set<DropCheck.Finding> = [.intact, .altered, .receiptDiffers, .taken]
            let words = DropCheck.Finding.allCases.filter { always.contains($0) || counts[$0] != nil }
                .map { "\(counts[$0] ?? 0) \($0.rawValue)" }
            Output.line(words.joined(separator: ", "))
        }
    }
}
