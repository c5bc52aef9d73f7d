// Where a gate keeps its small files: the names in its state directory. Whoever needs one of them asks here.

package struct StateLayout: Sendable, Hashable {
    private let state: String

    /// - Parameter state: the state directory, absolute.
    package init(_ state: String) { self.state = state }

    // MARK: The running gate

    /// Sockets and facts of the running process. Made by `init` and `serve`, 0700.
    package var run: String { state + "/run" }
    /// Where commands of the same machine ask the running gate; the longest path of a socket in the state directory.
    package var controlSocket: String { run + "/control.sock" }
    /// Bound ports of the running gate (`BoundPorts`).
    package var ports: String { run + "/ports.json" }

    // MARK: What lasts

    /// The ledger, unless `ledger.path` says otherwise.
    package var ledger: String { state + "/ledger.sqlite" }
    /// Host keys, and the ledger's key unless `ledger.key` says otherwise.
    package var keys: String { state + "/keys" }
    package var ledgerKey: String { keys + "/ledger.key" }
    package var tls: String { state + "/tls" }
    /// Positions of forwarders.
    package var forward: String { state + "/forward" }
    /// Tokens of the console (`TokenStore`).
    package var tokens: String { state + "/tokens" }
    /// That the clock has leapt ahead (`AgeClock`).
    package var clockLeap: String { state + "/clock-leap.json" }
    /// Which groups have been let in (`GroupRecord`): to staging, and to the ledger.
    package var stagingGroup: String { state + "/staging-group" }
    package var readGroup: String { state + "/read-group" }

    package var sshd: SSHDLayout { SSHDLayout(directory: state + "/sshd") }
}

/// What sshd reads, and where the sessions that it starts find the gate. A start makes it where the gate takes SFTP.
package struct SSHDLayout: Sendable, Hashable {
    package let directory: String

    package init(directory: String) { self.directory = directory }

    package var home: String { directory + "/home" }
    /// One file of authorized keys an account.
    package var keys: String { directory + "/keys" }
    /// The sessions' socket.
    package var link: String { directory + "/link.sock" }
    /// The outermost first.
    package var directories: [String] { [directory, home, keys] }
}

extension GateSettings {
    package var layout: StateLayout { StateLayout(state) }
}
