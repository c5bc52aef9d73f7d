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
            or its receipt other facts, than the ledger says, or when something else than a file lies in its place. \
            Each of them is told with what differs. A drop whose entry the ledger's retention has removed is not compared. \
            What cannot be read is told with the reason, and the rest is verified; where nothing else is wrong, the \
            status is 78 when somebody has to set right who may read it, and 70 when reading fails.

            With --format json each line has `id` and `finding`: intact, altered, receipt differs, unreadable, not \
            compared, taken, pending, withdrawn or lost; of what cannot be read `reason`; of what is other than the \
            ledger says `cause` (in words) and `differs`: size (with `expected_bytes` and `found_bytes`), sha256 (with \
            `expected_sha256` and `found_sha256`), type (no file lies there), line (the batch has no such event) or receipt \
            (`members` names what it says otherwise). The last line counts.
            """)

    @Argument(help: "Ids of drops; all released ones when none is given.", transform: ArgumentText.notEmpty)
    var ids: [String] = []
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let settings = try gate.settings()
        let progress = Progress("verifying")
        // All are looked at, whether somebody reads of them or not: the status is an answer, too.
        var lines = LastingOutput(done: nil)
        var failure: ManagementError?
        let counts = try DropService(settings).verify(ids, progress: progress.show) { drop in
            failure = failure ?? drop.failure
            try lines.print { try show(drop) }
        }
        progress.end()
        try Output.answer {
            try lines.finish()
            try summarise(counts)
        } then: {
            if counts[.altered] != nil || counts[.receiptDiffers] != nil {
                throw ExitCode(ExitStatus.no.rawValue)
            }
            if let failure { throw Self.unreadable(counts[.unreadable] ?? 0, failure) }
        }
    }

    /// - Parameter first: why the first of them could not be read.
    private static func unreadable(_ count: Int64, _ first: ManagementError) -> ManagementError {
        ManagementError(
            first.code,
            "\(Counted.text(count, "drop", "drops")) could not be verified; of the first: \(first.message)",
            fix: first.fix, cause: first.cause)
    }

    private func show(_ drop: VerifiedDrop) throws {
        let (record, finding) = (drop.record, drop.finding)
        let colour: Colour =
            switch finding {
            case .altered, .receiptDiffers: .red
            case .unreadable, .notCompared: .yellow
            default: .green
            }
        guard colour != .green || !ids.isEmpty else { return }
        if output.isJSON {
            var members: [String: JSONValue] = [
                "id": .string(record.id), "finding": .string(finding.rawValue),
            ]
            members["reason"] = drop.failure.map { .string($0.description) }
            members.merge(drop.difference?.json ?? [:]) { own, _ in own }
            try Output.json(.object(members))
        } else {
            let why = drop.failure?.description ?? drop.difference?.description
            let reason = why.map { ": " + UntrustedText.stored($0) } ?? ""
            try Output.line(
                "\(colour(finding.rawValue))  \(record.id)  \(UntrustedText.stored(record.readyPath))\(reason)"
            )
        }
    }

    private func summarise(_ counts: [DropFinding: Int64]) throws {
        if output.isJSON {
            let members = counts.map { ($0.key.rawValue, JSONValue.int($0.value)) }
            try Output.json(.object(Dictionary(uniqueKeysWithValues: members)))
        } else {
            // Of all released ones no other finding is possible, but for what cannot be read, which is rare.
            let always: Set<DropFinding> = [.intact, .altered, .receiptDiffers, .taken]
            let words = DropFinding.allCases.filter { always.contains($0) || counts[$0] != nil }
                .map { "\(counts[$0] ?? 0) \($0.rawValue)" }
            try Output.line(words.joined(separator: ", "))
        }
    }
}
