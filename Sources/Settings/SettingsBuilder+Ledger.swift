// The ledger's section: key, checkpoints, witnesses, retention.
import Files
import Foundation

extension SettingsBuilder {
    func ledger(state: String) -> LedgerSettings {
        let file = path(.ledgerPath) ?? state + "/ledger.sqlite"
        var settings = LedgerSettings(path: file, key: path(.ledgerKey) ?? state + "/keys/ledger.key")
        let ages: ClosedRange<Duration> = .seconds(3600) ... .seconds(36_600 * 86400)
        table.read(.ledgerCheckpointEvery, into: &settings.checkpointEvery) {
            $0.duration(in: .seconds(1) ... .seconds(3600))
        }
        table.read(.ledgerWitnesses, into: &settings.witnesses) { $0.list { witness($0) } }
        let names = settings.witnesses.map(\.description)
        if let twin = names.first(where: { name in names.count { $0 == name } > 1 }) {
            table.fail(.ledgerWitnesses, "\(twin) is there twice, up to a query; name it once")
        }
        table.read(.ledgerSealAfter, into: &settings.sealAfter) { $0.durationOrForever(in: ages) }
        table.read(.ledgerRetain, into: &settings.retain) { $0.durationOrForever(in: ages) }
        if let retain = settings.retain, let seal = settings.sealAfter, retain < seal {
            // Only sealed entries are removed.
            if table[.ledgerSealAfter] != nil {
                table.fail(
                    .ledgerSealAfter,
                    "is longer than ledger.retain; entries are sealed before they are removed")
            }
            settings.sealAfter = retain
        }
        return settings
    }

    private func witness(_ value: YAMLValue) -> WitnessSettings? {
        guard let text = value.text("a file, an https URL or the word syslog") else { return nil }
        if text == "syslog" { return .syslog }
        guard text.contains("://") else { return .file(Paths.resolve(text, beside: table.file)) }
        guard !WitnessURL.hasUser(text) else {
            value.fail(
                "\"\(WitnessURL.shown(text))\" is written with a user name or password, which the gate does not send; "
                    + "remove it, up to the @")
            return nil
        }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false
        else {
            value.fail("\"\(WitnessURL.shown(text))\" is no witness; write a file, an https URL, or syslog")
            return nil
        }
        return .http(text)
    }
}
