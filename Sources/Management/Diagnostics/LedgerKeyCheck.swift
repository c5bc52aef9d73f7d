// The key that signs the ledger: whether it is there, its public half with it, and whether the ledger says that it is the one.
import Ledger
import Reachability
import Settings

enum LedgerKeyCheck {
    static func findings(_ facts: GateFacts) -> [Finding] {
        let keys = LedgerKeys(facts.settings)
        do {
            let key = try keys.signer().verifier
            // A rotation that was cut off is for the start to end; and one may have been done meanwhile.
            if let reader = facts.reader, let replaced = try keys.replacement(of: key, in: reader),
                try !keys.isRotating(), try keys.signer().verifier == key
            {
                throw replaced
            }
            return [Finding("ledger", .ok, "\(key.description.split(separator: "+")[0]) signs it")]
        } catch let error as LedgerError {
            return [LedgerCheck.unreadable(error)]
        } catch {
            let known = ManagementError.of(error)
            return [
                .fatal("ledger", known?.message ?? "\(error)", fix: known?.fix ?? Finding.mend)
            ]
        }
    }

    /// A rotation that was cut off. A start ends it, and says so by itself.
    static func rotation(_ facts: GateFacts) -> [Finding] {
        let keys = LedgerKeys(facts.settings)
        // What may not be looked at is told with the key itself.
        guard (try? keys.isRotating()) == true else { return [] }
        return [
            Finding(
                "ledger", .warn,
                "a rotation of the key that signs it was interrupted: the new key still lies in \(keys.nextFile)",
                fix:
                    "start or restart the gate: it completes the rotation or undoes it, as the ledger's entries say"
            )
        ]
    }
}
