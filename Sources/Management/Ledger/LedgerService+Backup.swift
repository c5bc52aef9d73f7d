// A backup of the ledger with the keys that sign it, taken beside a running gate.
import Files
import Foundation
package import Ledger
import Settings

extension LedgerService {
    /// What was copied.
    package struct Backup: Sendable {
        package let copy: LedgerBackup
        /// Source lists that were kept, and are gone or altered, in the ledger and so in its copy.
        package let damagedLists: [KeptLists.Damage]
        /// Why it does not hold the key that signs the ledger; nil when it does.
        package let keyProblem: ManagementError?
    }

    /// Copies the ledger and its keys into a new directory, as they are at one moment. It is recorded as an access and signed
    /// before that, so that the copy ends under a checkpoint. The directory gets its name when it is whole; one under the
    /// same name with `.new` behind it is what an earlier one left when it was ended.
    /// - Parameters:
    ///   - directory: absolute, and outside of the gate's own; must not be there yet. Whoever can read it can sign as this
    ///     gate.
    ///   - warn: also told when the ledger cannot be signed now.
    package func backUp(
        into directory: String, by attribution: Attribution, warn: @escaping Warn
    ) async throws -> Backup {
        try NewDirectory.check(directory, of: settings)
        let unfinished = directory + ".new"
        guard mkdir(unfinished, 0o700) == 0 else {
            let error = SystemError.last
            throw ManagementError(
                .refused, "cannot make \(unfinished): \(error)",
                fix: error.code == EEXIST
                    ? "an unfinished backup is left there: remove it, unless one is being made"
                    : "run this as the gate's own user, in a directory where that user may write")
        }
        var export: RecordedExport?
        do {
            export = try await recordBackup(by: attribution, warn: warn)
            let copy = try ledger.backUp(into: unfinished)
            let keyProblem = try LedgerKeys(settings).copy(into: unfinished + "/keys")
            let damage = try ledger.damagedLists()
            do throws(SystemError) { try FileReplacement.moveDirectory(unfinished, to: directory) } catch {
                throw ManagementError(.internalError, "cannot name \(directory): \(error)", cause: error)
            }
            return Backup(copy: copy, damagedLists: damage, keyProblem: keyProblem)
        } catch {
            try? FileManager.default.removeItem(atPath: unfinished)
            // Nothing of the backup is left.
            await export?.endedInPart(error, reach: ExportReach())
            throw error
        }
    }

    private func recordBackup(
        by attribution: Attribution, warn: @escaping Warn
    ) async throws -> RecordedExport {
        let export = try await Authority.recordExport(
            "ledger backup", detail: [:], by: attribution, settings: settings, warn: warn)
        do { _ = try await checkpoint(by: attribution, warn: warn) } catch {
            let known = ManagementError.of(error)
            warn("the ledger's head cannot be signed now: \(known?.message ?? "\(error)")")
        }
        return export
    }
}
