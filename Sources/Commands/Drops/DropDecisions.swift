// What the commands share that decide on drops: one after the other, those that are refused told of at the end of the line.
import Admission
import ArgumentParser
import Management
import Settings

struct DropDecisions {
    private let gate: GateOptions
    private let remark: CommentOption

    /// What may be of one drop alone, worst first.
    private static let ofOne: [ManagementError.Code] = [.internalError, .unavailable, .refused]

    init(_ gate: GateOptions, _ remark: CommentOption) {
        self.gate = gate
        self.remark = remark
    }

    /// Each is tried, whatever became of those before it, as long as the gate can be asked. Exit status 70 when something failed with one
    /// of them, 75 when one cannot be decided on now, and 1 when one was refused, in this order.
    /// - Parameter decide: decides on the drop of an id, and returns what is said of it.
    func make(
        of ids: [String], _ decide: (DropChanges, String, GateSettings) async throws -> String
    ) async throws {
        let settings = try gate.settings()
        var answer = LastingOutput()
        var left: [ManagementError.Code] = []
        try await DropService(settings).changing(
            by: remark.attribution(), warn: { Output.note($0) }
        ) { drops in
            for id in ids {
                do {
                    try answer.line(UntrustedText.stored(try await decide(drops, id, settings)))
                } catch let failure as ManagementError
                    where Self.ofOne.contains(failure.code) && !failure.isOfConnection
                {
                    Output.error(failure.description)
                    left.append(failure.code)
                }
            }
        }
        try Output.answer(answer.finish) {
            if let worst = Self.ofOne.first(where: left.contains) {
                throw ExitCode(ExitStatus(worst).rawValue)
            }
        }
    }
}
