// How many files a gate may have open, and how many it needs: every connection is some.
import Foundation
package import Settings

package enum FileAllowance {
    /// Descriptors beside those of connections: ledger, staging, sockets, logs.
    private static let own = 256

    package static func needed(_ settings: GateSettings) -> Int {
        let console = settings.console == nil ? 0 : ConsoleSettings.mostConnections
        // A connection of SFTP is a socket, sshd's log and its session's link.
        return own + console + (settings.webhook?.maxConnections ?? 0)
            + 4 * (settings.sftp?.maxConnections ?? 0)
    }

    /// Of this process: how many it may have open now, and how many it may allow itself. `Int.max`: any number. nil where it cannot
    /// be read.
    package static var limits: (soft: Int, hard: Int)? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return (number(limit.rlim_cur), number(limit.rlim_max))
    }

    private static func number(_ limit: rlim_t) -> Int {
        limit == rlim_t.max ? .max : Int(clamping: limit)
    }
}
