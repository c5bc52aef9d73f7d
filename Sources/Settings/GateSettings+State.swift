// Where a gate keeps its small files: the names in its state directory.

extension GateSettings {
    /// Sockets and facts of the running process. Made by `init` and `serve`, 0700.
    package var runDirectory: String { state + "/run" }
    /// What sshd reads, where the gate takes SFTP. A start makes it.
    package var sshdDirectories: [String] { ["", "/home", "/keys"].map { "\(state)/sshd\($0)" } }
    /// Positions of forwarders.
    package var forwardDirectory: String { state + "/forward" }
    /// That the clock has leapt ahead (`AgeClock`).
    package var clockLeapFile: String { state + "/clock-leap.json" }
    /// Tokens of the console (`TokenStore`).
    package var tokenDirectory: String { state + "/tokens" }
    package var controlSocket: String { runDirectory + "/control.sock" }
    /// Bound ports of the running gate (`BoundPorts`).
    package var portsFile: String { runDirectory + "/ports.json" }
}
