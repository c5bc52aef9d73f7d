// The running gate: whether there is one, what it says is wrong with it, and where it listens.
import Admission
import Files
import Intake
import JSON
import Ledger
import Reachability
import Settings

enum RunningCheck {
    static func findings(_ facts: GateFacts) -> [Finding] {
        switch facts.running {
        case .no: [stopped(facts)]
        case .unknown(let error): [Finding("gate", .fail, error.message, fix: error.fix)]
        case .mute(let error):
            [
                Finding(
                    "gate", .fail, "a gate runs but does not report its state: \(error.message)",
                    fix: error.fix ?? "check its log; if it is a different version, restart it")
            ]
        case .yes(let state): problems(state) + program(state)
        }
    }

    private static func stopped(_ facts: GateFacts) -> Finding {
        // A ledger that cannot be read has a check of its own.
        let since = (try? lastRun(facts)) ?? "; since when cannot be read"
        return Finding(
            "gate", .fail, "no gate runs with these settings\(since)",
            fix: "systemctl start dropgate, or dropgate serve; if it stops at once, its log says why")
    }

    /// What the ledger says of the last gate that ran, for after "no gate runs". Throws `LedgerError`.
    private static func lastRun(_ facts: GateFacts) throws -> String {
        func ago(_ time: Instant) -> String { "\(time) (\(Age.ago(facts.now - time)))" }
        let reader: any LedgerReading
        switch facts.ledger {
        case .none: return Self.never
        case .bad(let error): throw error
        case .there(let there): reader = there
        }
        if let mark = try reader.lastRunMark(), !mark.isStart {
            return ": it was stopped at \(ago(mark.time))"
        }
        guard let last = try reader.lastSign() else { return Self.never }
        return ": it was not stopped, but ended or hangs; its last entry was at \(ago(last.time))"
    }

    private static let never = ", and none ever has"

    private static func problems(_ state: GateState) -> [Finding] {
        // Forwarders have a check of their own, if the gate tells of them.
        let named = state.problems.filter { $0.key != "forwarding" || state.forwarders == nil }
        guard !named.isEmpty else {
            return [
                state.problems.isEmpty
                    ? Finding("gate", .ok, "it runs, and nothing is wrong with it")
                    : Finding("gate", .ok, "it runs, and all is well except forwarding")
            ]
        }
        return named.sorted { $0.key < $1.key }.map { name, message in
            let problem = state.standing?[name]
            let since = problem.map { " (since \($0.since))" } ?? ""
            return Finding(
                "gate", .fail, "\(name): \(message)\(since)",
                fix: problem?.fix ?? "the problem goes away by itself once its cause does")
        }
    }

    private static func program(_ state: GateState) -> [Finding] {
        guard state.isProgramReplaced == true else { return [] }
        return [
            Finding(
                "gate", .warn, "the running gate is still the program that an upgrade has replaced",
                fix: "restart the gate: systemctl restart dropgate")
        ]
    }

    /// The running gate is told of the connections before they are made, so that it records them as probes.
    static func listenerFindings(_ facts: GateFacts) -> [Finding] {
        let control = ControlClient(path: facts.settings.layout.controlSocket)
        return ListenerCheck(listeners(facts), announce: { control.announce($0) }).findings()
    }

    private static func listeners(_ facts: GateFacts) -> [ListenerCheck.Listener] {
        let settings = facts.settings
        let ports = ports(facts)
        var listeners: [ListenerCheck.Listener] = []
        let addresses: KeyValuePairs = [
            "webhook": settings.webhook?.listen, "sftp": settings.sftp?.listen,
            "console": settings.console?.listen,
        ]
        for (name, address) in addresses {
            guard let address else { continue }
            listeners.append(ListenerCheck.Listener(name: name, address: address, binding: ports(name)))
        }
        return listeners
    }

    /// How the listener of a name is bound, as far as the running gate has told.
    private static func ports(_ facts: GateFacts) -> (String) -> ListenerCheck.Binding {
        let ports: [String: UInt16]?
        switch facts.isRunning {
        case false: return { _ in .none }
        case true:
            do throws(FileError) { ports = try BoundPorts.read(facts.settings) } catch {
                return { _ in .unknown(error.message, fix: "run this as the gate's own user") }
            }
        default:
            return { _ in
                .unknown("it is not known whether a gate runs", fix: "see the finding on the gate")
            }
        }
        guard let ports else {
            return { _ in
                .unknown(
                    "the gate does not listen everywhere yet",
                    fix: "if this persists, the gate's log says which listener it is")
            }
        }
        return { name in
            ports[name].map { .bound($0) }
                ?? .unknown("the running gate was started without it", fix: "restart it")
        }
    }
}
