// The SFTP host keys: whether callers are shown them, and whether they are those that callers know.
import Admission
import Files
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

    /// What callers of an earlier time would miss. Who names keys of their own knows which.
    static func kinds(_ settings: GateSettings) -> [Finding] {
        guard let paths = settings.sftp?.hostKeys else { return [] }
        let usual = SFTPSettings.defaultHostKeys(state: settings.state)
        guard paths.allSatisfy(usual.contains),
            let key = usual.first(where: { Paths.lastComponent(of: $0) == SFTPSettings.laterHostKey }),
            !paths.contains(key)
        else { return [] }
        return [
            Finding(
                "host keys", .warn, "no ECDSA key: clients that know nothing newer cannot connect (JSch 0.1)",
                fix: "\(step(to: key, settings)); then restart the gate")
        ]
    }

    /// What brings a key that `init` may make: it makes none beside those that the settings name, and none in place of one that callers
    /// know.
    private static func step(to key: String, _ settings: GateSettings) -> String {
        // As `init` reads them, which looks for no file.
        let read = try? SettingsLoader.load(file: settings.file, namedFiles: .mayBeMissing)
        if let read, read.sftp?.hostKeys.contains(key) != true {
            return
                "remove sftp.host_keys from the settings and run `dropgate init`, which makes one; or add one of your own there"
        }
        guard KnownHostKeys(settings.ledgerHandle).include(key) else { return "`dropgate init` makes it" }
        return "callers know \(key): \(KnownHostKeys.remedy)"
    }
}
