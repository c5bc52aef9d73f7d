// Whether the ledger is where it belongs. How whole it is: `dropgate ledger verify`.
import Admission
import Files
import Ledger
import Reachability
import Settings

enum LedgerCheck {
    static func findings(_ facts: GateFacts) -> [Finding] {
        switch facts.ledger {
        case .none:
            [
                Finding(
                    "ledger", .ok,
                    "there is none at \(facts.settings.ledgerHandle) yet: the first start makes it")
            ]
        case .bad(let error): [bad(error, facts)]
        case .there(let reader): entries(reader, facts)
        }
    }

    /// Whether what is there of it is the gate's to write.
    /// - Parameter byOwner: this process is not the gate; root looks in the place of the gate's user.
    static func writing(_ facts: GateFacts, byOwner: Bool) -> [Finding] {
        do throws(LedgerError) {
            try facts.settings.ledgerHandle.requireWritable(byOwner: byOwner)
            return []
        } catch {
            return [.fatal("ledger", error.message, fix: error.fix ?? Finding.mend)]
        }
    }

    private static let damaged =
        "put the whole ledger back from the backup, as .github/guides/operating.md says under \"Restore\""

    /// How long back promises are looked for: all of a ledger takes long, and `ledger verify` does that.
    private static let span = Duration.seconds(30 * 86400)

    /// Source lists that were kept, and are damaged now.
    private static func lists(_ facts: GateFacts) -> [Finding] {
        do {
            // The entry by which they came into force may be older than that.
            let damage = try facts.settings.ledgerHandle.damagedLists(
                since: facts.now - span, inForce: facts.state?.policy)
            return damage.map {
                Finding(
                    "ledger", .fail, $0.message,
                    fix: "put the file back from a backup; dropgate ledger verify checks all of them")
            }
        } catch {
            let known = ManagementError.of(error)
            return [
                Finding(
                    "ledger", .fail, known?.message ?? "\(error)",
                    fix: known?.fix
                        ?? "run this as the gate's user; dropgate ledger verify checks all of it")
            ]
        }
    }

    private static func bad(_ error: LedgerError, _ facts: GateFacts) -> Finding {
        switch error.code {
        case .missing, .foreign:
            guard facts.isRunning != false else {
                return .fatal("ledger", error.message, fix: error.fix ?? Finding.mend)
            }
            let who = facts.isRunning == nil ? "if a gate runs, it" : "the running gate"
            return .fatal(
                "ledger", "\(error.message); \(who) accepts nothing until the file that it has open is back",
                fix:
                    "if the file was moved, move it back: the gate resumes at once; if it was removed, stop the gate and put the "
                    + "whole ledger back from a backup, as .github/guides/operating.md says under \"Restore\""
            )
        case .older:
            return Finding("ledger", .fail, error.message, fix: error.fix)
        default:
            // What may not be read says by itself what lets the gate's user in.
            let isClosed = Presence.barrier(facts.settings.ledger.path) != nil
            return finding(
                error.message,
                fix: error.fix
                    ?? (isClosed
                        ? Finding.mend
                        : "run this as the gate's user; dropgate ledger verify checks all of it"),
                mayPass: error.mayPass)
        }
    }

    /// Of the rest something is said only where the entries can be read.
    private static func entries(_ reader: any LedgerReading, _ facts: GateFacts) -> [Finding] {
        let newest = there(reader, facts)
        return newest.state == .ok ? [newest] + lists(facts) : [newest]
    }

    private static func there(_ reader: any LedgerReading, _ facts: GateFacts) -> Finding {
        do {
            var query = LedgerQuery()
            query.order = .newestFirst
            query.limit = 1
            guard let last = try reader.entries(query).first else {
                return Finding("ledger", .ok, "\(facts.settings.ledgerHandle) has no entries yet")
            }
            return Finding(
                "ledger", .ok,
                "\(facts.settings.ledgerHandle) has \(Counted.entries(try reader.size())), "
                    + "the last \(Age.ago(facts.now - last.time))"
            )
        } catch {
            return unreadable(error)
        }
    }

    /// What a check could not read of the ledger. Doctor tells it once, however many checks have met it.
    static func unreadable(_ error: any Error) -> Finding {
        // It could be opened, so it is not for want of a right: no gate starts with it.
        let known = ManagementError.of(error)
        return finding(
            known?.message ?? "\(error)", fix: known?.fix ?? damaged,
            mayPass: (error as? LedgerError)?.mayPass ?? false)
    }

    private static func finding(_ text: String, fix: String, mayPass: Bool) -> Finding {
        var finding = Finding("ledger", .fail, text, fix: fix)
        finding.start = mayPass ? .isPutOff : .isRefused
        return finding
    }
}
