// The key that signs the ledger: whether it is there, and its public half with it.
import Ledger
import Reachability
import Settings

enum LedgerKeyCheck {
    static func findings(_ facts: GateFacts) -> [Finding] {
        let keys = LedgerKeys(facts.settings)
        do {
            let key = try keys.signer().verifier
            return [Finding("ledger", .ok, "\(key.description.split(separator: "+")[0]) signs it")]
        } catch {
            let known = ManagementError.of(error)
            return [
                .fatal("ledger", known?.message ?? "\(error)", fix: known?.fix ?? Finding.mend)
            ]
        }
    }
}
