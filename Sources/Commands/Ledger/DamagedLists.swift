// What a command that takes source lists along says when some of them are damaged, and the status with which it then ends.
import ArgumentParser
import Ledger

enum DamagedLists {
    /// Throws the exit status of damaged lists where there are any. What the command made is good as far as it goes.
    static func report(_ damage: [KeptLists.Damage]) throws {
        guard !damage.isEmpty else { return }
        for damage in damage { Output.error(damage.message) }
        Output.error(
            "everything else is complete; put the source lists back from a backup, check them with "
                + "`dropgate ledger verify`, then run this again")
        throw ExitCode(LedgerVerdict.status(.lists))
    }
}
