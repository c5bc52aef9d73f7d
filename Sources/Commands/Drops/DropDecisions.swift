// What the commands share that decide on drops: one after the other, those that are refused told of at the end of the line.
import Admission
import ArgumentParser
import Management
import Settings

struct DropDecisions {
    private let gate: GateOptions
    private let remark: CommentOption

    init(_ gate: GateOptions, _ remark: CommentOption) {
        self.gate = gate
        self.remark = remark
    }

    /// Exit status 1 when one of them was refused, and 75 when one cannot be decided on now.
    /// - Parameter decide: decides on the drop of an id, and returns what is said of it.
    func make(
        of ids: [String], _ decide: (DropChanges, String, GateSettings) async throws -> String
    ) async throws {
        let settings = try gate.settings()
        var answer = LastingOutput()
        var left: ExitStatus?
        try await DropService(settings).changing(
            by: remark.attribution(), warn: { Output.note($0) }
        ) { drops in
            for id in ids {
                do {
                    try answer.line(UntrustedText.stored(try await decide(drops, id, settings)))
                } catch let failure as ManagementError
                    where [.refused, .unavailable].contains(failure.code)
                {
                    Output.error(failure.description)
                    // Another try may do what is left now, whatever was refused beside it.
                    if left != .tryAgain { left = ExitStatus(failure.code) }
                }
            }
        }
        try Output.answer(answer.finish) {
            if let left { throw ExitCode(left.rawValue) }
        }
    }
}
