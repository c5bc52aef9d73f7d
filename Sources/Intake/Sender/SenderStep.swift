// A change of what was accepted, in three parts: what is prepared before it, what the ledger takes, and what follows. So several can
// be one commit, and all of them are done or none: a file that takes the place of another one.
import Admission
import Ledger
import Staging

struct SenderStep {
    let attempt: Attempt
    let operation: LedgerOperation
    /// The ledger has it, by this entry.
    let done: (AppendedEntry) async -> Void
    /// The ledger does not have it: what was prepared is given back.
    let undone: () -> Void
}

extension Intake {
    static let ledgerText = "the gate's ledger cannot be written, so nothing was changed; try again later"

    /// Returns whether the drop was in the state that the change is from. Where it was not, and when this throws, nothing is changed.
    func carryOut(_ step: SenderStep, _ path: DropPath) async throws(SenderError) -> Bool {
        let outcome: LedgerOutcome
        do {
            outcome = try await writer.commit(step.operation)
        } catch {
            step.undone()
            throw SenderError(.failed, .ledgerFailed, "\(path): \(Self.ledgerText)")
        }
        guard case .appended(let entry) = outcome else {
            step.undone()
            return false
        }
        await finish(step, entry)
        return true
    }

    /// All of them in one commit, or none. Returns which were done. One of a drop that is not in the state any more that its change is
    /// from, because its consumer acknowledged it in this instant, is left out.
    /// - Parameter least: the number of the first step for whose sake the ones before it are done: without one of these nothing is.
    func carryOut(
        together steps: [SenderStep], for least: Int, _ path: DropPath
    ) async throws(SenderError) -> [Bool] {
        var left = Array(steps.indices)
        while left.contains(where: { $0 >= least }) {
            let outcome: LedgerOutcome
            do {
                outcome = try await writer.commit(.together(left.map { steps[$0].operation }))
                if case .together(let entries) = outcome {
                    for (index, entry) in zip(left, entries) { await finish(steps[index], entry) }
                    return steps.indices.map(left.contains)
                }
                let stale = try left.filter { try isStale(steps[$0].operation) }
                undo(stale.map { steps[$0] })
                left.removeAll(where: stale.contains)
            } catch {
                undo(left.map { steps[$0] })
                throw SenderError(.failed, .ledgerFailed, "\(path): \(Self.ledgerText)")
            }
        }
        undo(left.map { steps[$0] })
        return steps.map { _ in false }
    }

    /// Whether a change is from a state in which its drop is no more. It never gets back there: its file is in this caller's hand.
    private func isStale(_ operation: LedgerOperation) throws -> Bool {
        guard case .change(_, let change) = operation else { return false }
        return try store.drop(id: change.id)?.state != change.from
    }

    private func finish(_ step: SenderStep, _ entry: AppendedEntry) async {
        contacts.heard(step.attempt, at: entry.time)
        await step.done(entry)
    }

    /// In the reverse order: what was prepared last goes first.
    func undo(_ steps: [SenderStep]) {
        for step in steps.reversed() { step.undone() }
    }
}
