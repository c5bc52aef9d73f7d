// What the keys of the section `ledger` must be together, and what a witness may be.
import Files
import Foundation

extension SettingsBuilder {
    func ledger(state: String) -> LedgerSettings {
        var settings = LedgerSettings(state: state)
        read(LedgerSettings.keys, into: &settings)
        let names = settings.witnesses.map(\.description)
        if let twin = names.first(where: { name in names.count { $0 == name } > 1 }) {
            let shown = ValueText.isPlain(twin) ? twin : "one of them"
            table.fail(.ledgerWitnesses, "\(shown) is listed twice, apart from the query; name it once")
        }
        checkAges(&settings)
        return settings
    }

    /// Only sealed entries are removed.
    private func checkAges(_ settings: inout LedgerSettings) {
        guard let retain = settings.retain else { return }
        let isGood = !table.isBad(.ledgerSealAfter) && !table.isBad(.ledgerRetain)
        guard let seal = settings.sealAfter else {
            if table[.ledgerRetain] != nil, isGood {
                table.fail(
                    .ledgerRetain,
                    "would never apply: ledger.seal_after is forever, and only sealed entries are removed; write forever "
                        + "here, too, or set ledger.seal_after to a duration")
            }
            settings.retain = nil
            return
        }
        guard retain < seal else { return }
        if table[.ledgerSealAfter] != nil, isGood {
            table.fail(
                .ledgerSealAfter, "is longer than ledger.retain; entries are sealed before they are removed")
        }
        settings.sealAfter = retain
    }

    /// As groupadd(8) takes it.
    func groupName(_ value: YAMLValue) -> String? {
        guard let text = value.text("the name of a group, as in dropgate-audit") else { return nil }
        let isName =
            text.utf8.count <= 32 && text.first.map { $0 == "_" || $0.isASCII && $0.isLowercase } == true
            && text.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || "_-".contains($0)) }
        guard isName else {
            value.fail(
                "\(value.quoted()) is not the name of a group; write one of /etc/group, as in dropgate-audit")
            return nil
        }
        return text
    }

    func witness(_ value: YAMLValue) -> WitnessSettings? {
        guard let text = value.text("a file, an https URL or the word syslog") else { return nil }
        if text == "syslog" { return .syslog }
        guard text.contains("://") else { return .file(Paths.resolve(text, beside: table.file)) }
        guard !WitnessURL.hasUser(text) else {
            let shown = value.quoted(WitnessURL.shown(text))
            value.fail(
                "\(shown) contains a user name or password, which the gate does not send; "
                    + "remove both, and the @ behind them")
            return nil
        }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false
        else {
            value.fail(
                "\(value.quoted(WitnessURL.shown(text))) is not a witness; write a file, an https URL, or syslog"
            )
            return nil
        }
        return .http(text)
    }
}
