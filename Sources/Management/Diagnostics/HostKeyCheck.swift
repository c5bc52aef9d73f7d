// The SFTP host keys: whether callers are shown them, and whether they are those that callers know.
import Admission
import Reachability
import SFTPReceiver
import Settings

enum HostKeyCheck {
    static func findings(_ facts: GateFacts) async -> [Finding] {
        await keys(facts) + (facts.hostKeys.map { change(HostKeyRecord($0), facts) } ?? [])
    }

    /// The keys by themselves.
    static func keys(_ facts: GateFacts) async -> [Finding] {
        (await facts.hostKeys ?? []).map { _, outcome in
            switch outcome {
            case .success(let key): Finding("host keys", .ok, "\(key.type) \(key.fingerprint)")
            case .failure(let error): Finding.fatal("host keys", "\(error)", fix: Finding.mend)
            }
        }
    }

    /// Against the last start, also where that is sealed; and what that start itself found changed.
    private static func change(_ now: HostKeyRecord, _ facts: GateFacts) -> [Finding] {
        guard let reader = facts.reader, let start = try? HostKeyRecord.last(in: reader) else { return [] }
        let when = "the last start was at \(start.time), entry \(start.seq)"
        if let change = now.change(from: start.keys) { return [finding(change, when)] }
        guard let before = start.before, let change = start.keys.change(from: before), change.breaksCallers
        else {
            return []
        }
        return [finding(change, "found at the start of \(start.time), entry \(start.seq)")]
    }

    private static func finding(_ change: HostKeyRecord.Change, _ when: String) -> Finding {
        guard change.breaksCallers else { return Finding("host keys", .ok, "\(change.text) (\(when))") }
        return Finding(
            "host keys", .warn, "\(change.text) (\(when))",
            fix: "tell VSee the new fingerprints (`dropgate init` prints them), or put the old keys back")
    }

    /// What callers of an earlier time would miss.
    static func kinds(_ settings: GateSettings) -> [Finding] {
        guard let paths = settings.sftp?.hostKeys else { return [] }
        let usual = SFTPSettings.defaultHostKeys(state: settings.state)
        guard paths != usual, paths.allSatisfy(usual.contains) else { return [] }
        return [
            Finding(
                "host keys", .warn, "no ECDSA key: clients that know nothing newer cannot connect (JSch 0.1)",
                fix: "`dropgate init` makes it; then restart the gate")
        ]
    }
}
