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
            Without ids, it also looks through ready/ and reports what belongs to no drop as foreign. A file that its consumer has \
            taken is counted as taken; that is no error. The exit status is 1 when a file or its receipt differs from the ledger, \
            when something other than a file lies in its place, or when something is foreign; each of these is reported with what \
            differs. A drop whose entry the ledger's retention has removed is not compared. What cannot be read is reported with \
            the reason, and the rest is verified. If nothing else is wrong, the exit status is then 78 when permissions or owners \
            have to be corrected, and 70 when reading fails.

            With --format json, each line has `finding` (intact, altered, receipt differs, unreadable, foreign, not compared, \
            taken, pending, withdrawn or lost) and `id`. What belongs to no drop has `file` instead of `id`, and, in a batch's \
            file, `lines`: the first and the last line that belong to no event. What cannot be read has `reason`. What differs \
            from the ledger has `cause` (in words) and `differs`: size (with `expected_bytes` and `found_bytes`), sha256 (with \
            `expected_sha256` and `found_sha256`), type (no file lies there), line (the batch has no such event), or receipt or \
            receipt in line (`members` names those that differ). The last line has the counts.
            """)

    @Argument(help: "Ids of drops. Default: all released drops.", transform: ArgumentText.notEmpty)
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
            if counts.keys.contains(where: \.isWrong) {
                throw ExitCode(ExitStatus.no.rawValue)
            }
            if let failure { throw Self.unreadable(counts[.unreadable] ?? 0, failure) }
        }
    }

    /// - Parameter first: why the first of them could not be read.
    private static func unreadable(_ count: Int64, _ first: ManagementError) -> ManagementError {
        ManagementError(
            first.code,
            "\(Counted.text(count, "drop", "drops")) could not be verified; the first because: \(first.message)",
            fix: first.fix, cause: first.cause)
    }

    private func show(_ verdict: DropVerdict) throws {
        let finding = verdict.finding
        let colour: Colour =
            switch finding {
            case _ where finding.isWrong: .red
            case .unreadable, .notCompared: .yellow
            default: .green
            }
        guard colour != .green || !ids.isEmpty else { return }
        if output.isJSON {
            var members = verdict.subject.json
            members["finding"] = .string(finding.rawValue)
            members["reason"] = verdict.failure.map { .string($0.description) }
            members.merge(verdict.difference?.json ?? [:]) { own, _ in own }
            try Output.json(.object(members))
        } else {
            let why = verdict.failure?.description ?? verdict.difference?.description
            let reason = why.map { ": " + UntrustedText.stored($0) } ?? ""
            try Output.line(
                "\(colour(finding.rawValue))  \(UntrustedText.stored("\(verdict.subject)"))\(reason)")
        }
    }

    private func summarise(_ counts: [DropFinding: Int64]) throws {
        if output.isJSON {
            let members = counts.map { ($0.key.rawValue, JSONValue.int($0.value)) }
            try Output.json(.object(Dictionary(uniqueKeysWithValues: members)))
        } else {
            // Of all released ones no other finding is possible, but for what cannot be read, which is rare.
            var always: Set<DropFinding> = [.intact, .altered, .receiptDiffers, .taken]
            if ids.isEmpty { always.insert(.foreign) }
            let words = DropFinding.allCases.filter { always.contains($0) || counts[$0] != nil }
                .map { "\(counts[$0] ?? 0) \($0.rawValue)" }
            try Output.line(words.joined(separator: ", "))
        }
    }
}
