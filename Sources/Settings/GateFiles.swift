// The files and directories that a gate uses. What it writes for others, and what a command writes for whoever runs it, goes to
// none of them: a forwarded entry at the end of the ledger destroys it. It looks at names and links, and never into a file.
import Files

package struct GateFiles: Sendable {
    /// What a place is for. A setting is not held against the places that it names itself.
    package enum Use: Sendable { case settings, staging, ledger, witness, forward }

    private enum Extent {
        case file
        /// Others may keep files in it.
        case sharedDirectory
        /// With all that is below it.
        case directory
        /// Files whose names a shell pattern has.
        case pattern
    }

    private struct Place {
        let use: Use
        /// In words: "the ledger".
        let what: String
        /// Without links, as is the directory of a pattern that is none itself.
        let path: String
        let extent: Extent
    }

    /// Files first: they are told more exactly.
    private let places: [Place]
    /// Directories in which others may keep files, and that no copy of the ledger is in.
    private let shared: [(what: String, path: String)]

    package init(_ settings: GateSettings) {
        var list = PlaceList(settings)
        list.addFiles()
        list.addDirectories()
        places = list.places
        shared = list.shared
    }

    /// Why nothing is to be written to an absolute path, as the end of a sentence that begins with it: "is the ledger". nil where it
    /// is none of the gate's.
    /// - Parameter uses: places of these are no objection.
    package func objection(to path: String, except uses: Set<Use> = []) -> String? {
        let target = Paths.resolved(path)
        // Where that leads is not known before the directory in front of it is there.
        if target.split(separator: "/").contains("..") {
            return "goes back by .. from a directory that is not there"
        }
        let places = places.filter { !uses.contains($0.use) }
        for place in places {
            switch place.extent {
            case .file where target == place.path: return "is \(place.what)"
            case .directory where target == place.path, .sharedDirectory where target == place.path:
                return "is the directory of \(place.what)"
            case .directory where Paths.isBelow(target, place.path):
                return "lies in the directory of \(place.what), \(place.path)"
            case .pattern where Paths.matches(target, pattern: place.path):
                return "would be \(place.what), by the pattern \(place.path)"
            default: continue
            }
        }
        // Another name of the same file.
        guard let identity = FileIdentity(path: target) else { return nil }
        let twin = places.first { $0.extent == .file && FileIdentity(path: $0.path) == identity }
        return twin.map { "is another name of \($0.path), which is \($0.what)" }
    }

    /// The same of a directory that is to hold a copy of the ledger: it is lost together with what it is of, and consumers, retention
    /// and the next copy come across it.
    package func objection(toCopyAt path: String) -> String? {
        let target = Paths.resolved(path)
        let around = shared.first { target == $0.path || Paths.isBelow(target, $0.path) }
        return around.map { "lies in the \($0.what), \($0.path)" } ?? objection(to: path)
    }

    /// Collects the places of one gate.
    private struct PlaceList {
        let settings: GateSettings
        var places: [Place] = []
        var shared: [(what: String, path: String)] = []

        init(_ settings: GateSettings) { self.settings = settings }

        private mutating func add(_ use: Use, _ what: String, _ paths: [String]) {
            for path in paths where !path.isEmpty {
                places.append(Place(use: use, what: what, path: Paths.resolved(path), extent: .file))
            }
        }

        mutating func addFiles() {
            let (layout, ledger) = (settings.layout, settings.ledger.path)
            add(.settings, "the settings file", [settings.file])
            add(.settings, "a source list", Array(settings.sources))
            add(.settings, "a file of network rules", settings.rules)
            // As SQLite and `LedgerPaths` name them.
            add(
                .ledger, "the ledger",
                ["", "-wal", "-shm", "-journal", ".lock", ".open", ".new"].map { ledger + $0 })
            add(
                .ledger, "the mark of the ledger's staging directory",
                [Paths.directory(of: ledger) + "/staging-id"])
            add(
                .settings, "the key that signs the ledger",
                ["", ".pub", ".next"].map { settings.ledger.key + $0 })
            for tls in [settings.webhook?.tls, settings.console?.tls] {
                guard let tls else { continue }
                add(.settings, "a file of TLS", [tls.certificate, tls.key, tls.clientAuthorities ?? ""])
            }
            if let syslog = settings.forward.syslog {
                let files = [syslog.authorities, syslog.certificate, syslog.key]
                add(.settings, "a file of TLS", files.compactMap(\.self))
            }
            for key in settings.sftp?.hostKeys ?? [] {
                add(.settings, "an SFTP host key", [key, key + ".pub"])
            }
            add(.settings, "the console's token", [settings.console?.tokenFile ?? ""])
            add(.settings, "a secret of the webhook listener", settings.webhook?.checks.files ?? [])
            add(
                .settings, "a file of the gate's state",
                [layout.clockLeap, layout.stagingGroup, layout.readGroup])
            for case .file(let path) in settings.ledger.witnesses {
                add(.witness, "a witness's file", [path])
            }
            add(.forward, "the file of forwarded entries", [settings.forward.file?.path ?? ""])
        }

        mutating func addDirectories() {
            let layout = settings.layout
            add(.staging, "staging", directory: settings.staging.path)
            add(.settings, "the accounts", directory: settings.accounts)
            let own: [(what: String, path: String)] = [
                ("the gate's keys", layout.keys), ("the gate's TLS files", layout.tls),
                ("the running gate", layout.run), ("the gate's sshd", layout.sshd.directory),
                ("forwarders", layout.forward), ("the console's tokens", layout.tokens),
            ]
            for place in own { add(.settings, place.what, directory: place.path) }
            let beside = Paths.directory(of: settings.ledger.path)
            for (what, name) in [
                ("the ledger's checkpoints", "checkpoints"), ("the lists that the ledger keeps", "policies"),
                ("sealed entries", "segments"),
            ] {
                add(.ledger, what, directory: "\(beside)/\(name)")
            }
            add("a source list", "the source lists", patterns: settings.sourcePatterns)
            add("a file of network rules", "the network rules", patterns: settings.rulePatterns)
            shared = [
                ("gate's state directory", settings.state),
                ("gate's staging directory", settings.staging.path),
                ("ledger's directory", beside),
            ].map { ($0.0, Paths.resolved($0.1)) }
        }

        /// Not where the settings, the state, staging or the ledger lie in it, too: others have files beside them.
        private mutating func add(_ use: Use, _ what: String, directory: String) {
            let path = Paths.resolved(directory)
            let others = [settings.state, settings.file, settings.staging.path, settings.ledger.path]
            let inner = others.filter { !$0.isEmpty && $0 != directory }.map { Paths.resolved($0) }
            let isShared = inner.contains { $0 == path || Paths.isBelow($0, path) }
            if !isShared { places.append(Place(use: use, what: what, path: path, extent: .directory)) }
        }

        /// What else lies in their directories is no list.
        private mutating func add(_ file: String, _ files: String, patterns: [String]) {
            for pattern in patterns where Paths.isPattern(pattern) {
                let directory = Paths.directory(of: pattern)
                guard !Paths.isPattern(directory) else {
                    places.append(Place(use: .settings, what: file, path: pattern, extent: .pattern))
                    continue
                }
                let place = Paths.resolved(directory)
                let path = place + "/" + Paths.lastComponent(of: pattern)
                places.append(Place(use: .settings, what: file, path: path, extent: .pattern))
                places.append(Place(use: .settings, what: files, path: place, extent: .sharedDirectory))
            }
        }
    }
}
