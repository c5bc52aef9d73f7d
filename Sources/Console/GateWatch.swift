// What takes longer to find out than a page may: what the gate's checks find, and who was heard from when. It is looked at beside
// whoever asks, and not more often than somebody asks.
import Admission
import Blocking
import Ledger
import Management
import Reachability

final class GateWatch: Sendable {
    /// What was found longer ago is not told as the present. A monitor that asks each minute gets what was found a minute ago.
    private static let limit = Duration.seconds(120)

    private let checked: Aged<[Finding]>
    private let heard: Aged<[LastContact]>

    init(_ services: ConsoleServices) {
        let (settings, sources) = (services.settings, services.sources)
        let contacts = ContactMemory()
        checked = Aged(for: .seconds(30), upTo: Self.limit, label: "checks") {
            await Diagnostics.findings(of: settings, contacts: contacts)
        }
        heard = Aged(for: .seconds(5), upTo: Self.limit, label: "contacts") {
            try? sources.lastContacts(now: .now(), contacts: contacts)
        }
    }

    /// Returns when nothing is looked at any more.
    func end() async {
        await checked.end()
        await heard.end()
    }

    /// What doctor finds; nil: that is still being looked at.
    var findings: [Finding]? { checked.value }
    /// nil: that is still being looked at, or the ledger cannot be read.
    var contacts: [LastContact]? { heard.value }
}
