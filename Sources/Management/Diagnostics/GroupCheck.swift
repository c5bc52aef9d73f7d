// The groups of `ledger.read_group` and `staging.group`: whether the system knows them, and whether consumers get to staging.
import Files
import Reachability
import Settings

enum GroupCheck {
    static func readers(_ facts: GateFacts) -> [Finding] {
        guard let name = facts.settings.ledger.readGroup else { return [] }
        do throws(FileError) {
            _ = try AccessGroup(named: name)
            return [Finding("ledger", .ok, "the group \(name) may read it")]
        } catch {
            // Auditors are shut out; what the gate does for VSee goes on.
            return [unknown("ledger", "ledger.read_group", error)]
        }
    }

    static func consumers(_ facts: GateFacts) -> [Finding] {
        guard let name = facts.settings.staging.group else { return [] }
        let group: AccessGroup
        do throws(FileError) { group = try AccessGroup(named: name) } catch {
            return [unknown("filesystem", "staging.group", error)]
        }
        let staging = ConsumerAccess.staging(facts.settings)
        let closed = ([staging] + Paths.above(staging)).filter { !AccessGroup.isOpen($0, to: group) }
        guard let outermost = closed.last else {
            return [Finding("filesystem", .ok, "the group \(name) may take what lies in ready/")]
        }
        return [
            Finding(
                "filesystem", .warn,
                "the group \(name) may take what lies in ready/, but cannot get there: \(outermost) is closed to it",
                fix: ConsumerAccess.isOwn(outermost, facts.settings)
                    ? "restart the gate, which opens it" : "setfacl -m g:\(name):x \(outermost)")
        ]
    }

    private static func unknown(_ area: String, _ key: String, _ error: FileError) -> Finding {
        Finding(
            area, .fail, "\(key): \(error.message)",
            fix:
                "create the group, run `dropgate init` as root and restart the gate; or remove the key from the settings"
        )
    }
}
