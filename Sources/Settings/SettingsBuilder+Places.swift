// Settings that name where the gate writes: none of them may be a file or a directory that it uses for something else.
import Files

extension SettingsBuilder {
    func checkPlaces(_ settings: GateSettings) {
        let files = GateFiles(settings)
        func check(_ value: YAMLValue?, _ path: String?, except uses: Set<GateFiles.Use>, _ step: String) {
            guard let value, let path, let objection = files.objection(to: path, except: uses) else { return }
            value.fail("\(path) \(objection); \(step)")
        }
        // Of two that name one place, one is told: the gate's own come first, then witnesses.
        let outputs: Set<GateFiles.Use> = [.witness, .forward]
        check(
            table[.ledgerPath], settings.ledger.path, except: outputs.union([.ledger, .staging]),
            "name a file of its own")
        check(
            table[.stagingPath], settings.staging.path, except: outputs.union([.staging]),
            "name a directory of its own")
        for (value, path) in witnessFiles(settings) {
            check(value, path, except: outputs, "name a file of its own, best on another mount")
        }
        check(
            table[.forwardFilePath], settings.forward.file?.path, except: [.forward],
            "name a file of its own, as in /var/log/dropgate/entries.jsonl")
    }

    /// What is allowed and may not do what whoever wrote it thinks.
    func doubts(_ settings: GateSettings) -> [SettingsProblem] {
        var doubts = witnessFiles(settings).filter { isBesideLedger($0.path, settings) }.map { value, path in
            SettingsProblem(
                place: value.place, key: value.key,
                message:
                    "\(value.shown(as: path)) lies beside the ledger: whoever can replace the ledger can replace it, too, "
                    + "so it proves nothing; name a file on another mount, an https URL or syslog")
        }
        let section = "webhook.quarantine"
        if table.has(section: section), let webhook = settings.webhook, webhook.unlisted != .quarantine {
            doubts.append(
                SettingsProblem(
                    place: table.place(ofSection: section), key: section,
                    message: "does nothing without webhook.unlisted: quarantine; write that, or remove it"))
        }
        return doubts
    }

    /// The witnesses that are files, each with its value; none where a witness could not be read.
    private func witnessFiles(_ settings: GateSettings) -> [(value: YAMLValue, path: String)] {
        let witnesses = settings.ledger.witnesses
        guard !witnesses.isEmpty, let values = table[.ledgerWitnesses]?.list(),
            values.count == witnesses.count
        else { return [] }
        return zip(values, witnesses).compactMap { value, witness -> (value: YAMLValue, path: String)? in
            guard case .file(let path) = witness else { return nil }
            return (value, path)
        }
    }

    /// Whether a file lies in the directory of the state or of the ledger, and on no filesystem of its own.
    private func isBesideLedger(_ path: String, _ settings: GateSettings) -> Bool {
        let (file, device) = (Paths.resolved(path), Presence.device(of: Paths.directory(of: path)))
        return [settings.state, Paths.directory(of: settings.ledger.path)].contains { directory in
            guard Paths.isBelow(file, Paths.resolved(directory)) else { return false }
            // A directory that is not there is none that something is mounted on.
            return device == nil || device == Presence.device(of: directory)
        }
    }
}
