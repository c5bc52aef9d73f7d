// RENAME over a file that was accepted (posix-rename@openssh.com): the old one is withdrawn and the new one gets its name.
import Admission
import Ledger
import Staging

extension Intake {
    /// What was accepted under the new name gives way in the same commit in which another file gets the name: a crash leaves both as
    /// they were, or both as they are to be.
    func replace(
        with parts: [RenamedPart], _ order: SenderRename, _ attempt: Attempt, _ session: SenderSession
    ) async throws(SenderError) -> Bool {
        let box = session.box
        var steps: [SenderStep] = []
        var withdrawals = 0
        // What a step stands for is given back by that.
        var left = parts[...]
        do throws(SenderError) {
            steps = try await prepareWithdrawals(order.to, attempt, box)
            withdrawals = steps.count
            while let part = left.first {
                switch part {
                case .partial(let item, let held):
                    if isAccepted(part, as: order.to) {
                        steps.append(try acceptance(of: item, held, order, attempt, session))
                    }
                case .accepted(let settling, let claimed):
                    steps.append(try renaming(settling, to: order, attempt, box, claimed: claimed))
                }
                left.removeFirst()
            }
        } catch {
            undo(steps)
            giveBack(Array(left), box)
            throw error
        }
        // Where no other accepted file takes the place, what waits under the new name gives way all the same.
        let least = steps.count > withdrawals ? withdrawals : 0
        var isAny = try await carryOut(together: steps, for: least, order.from)
            .dropFirst(withdrawals).contains(true)
        for case .partial(let item, let held) in parts where !isAccepted(held.isWhole, as: order.to) {
            try await keep(item, held, under: order.to, box)
            isAny = true
        }
        return isAny
    }

    func isAccepted(_ part: RenamedPart, as path: DropPath) -> Bool {
        guard case .partial(_, let held) = part else { return false }
        return isAccepted(held.isWhole, as: path)
    }

    /// As `accept`, but it is only made ready.
    private func acceptance(
        of item: SenderItem, _ held: PartialStore.Held, _ order: SenderRename, _ attempt: Attempt,
        _ session: SenderSession
    ) throws(SenderError) -> SenderStep {
        let box = session.box
        let upload = try sealed(item, held, order, box)
        let new: NewUpload
        do throws(IntakeError) { new = try prepareCommit(of: upload, attempt, box) } catch {
            try? held.file.unseal()
            throw SenderError(.failed, error.code, error.description)
        }
        return SenderStep(attempt: new.attempt, operation: .append(new.attempt, drop: new.drop)) { entry in
            self.counters.add(new.attempt, reason: entry.repeats == nil ? nil : .duplicate)
            guard let record = entry.drop else {
                // The ledger has its id already: it was accepted before.
                self.staging.ready.cancelReservation(new.readyPath)
                try? held.file.unseal()
                return
            }
            self.figures.stored(new.attempt)
            _ = await self.accepted(upload, new, entry, record, in: box)
            session.delivers(upload, at: self.now)
        } undone: {
            self.staging.ready.cancelReservation(new.readyPath)
            try? held.file.unseal()
        }
    }
}
