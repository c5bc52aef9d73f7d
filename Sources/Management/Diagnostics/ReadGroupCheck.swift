// The group of `ledger.read_group`: whether the system knows it.
import Files
import Reachability
import Settings

enum ReadGroupCheck {
    static func findings(_ facts: GateFacts) -> [Finding] {
        guard let name = facts.settings.ledger.readGroup else { return [] }
        do throws(FileError) {
            _ = try ReadGroup(named: name)
            return [Finding("ledger", .ok, "the group \(name) may read it")]
        } catch {
            // Auditors are shut out; what the gate does for VSee goes on.
            return [
                Finding(
                    "ledger", .fail, "ledger.read_group: \(error.message)",
                    fix:
                        "make the group, then run `dropgate init` as root and restart the gate; or take the key out of the "
                        + "settings")
            ]
        }
    }
}
