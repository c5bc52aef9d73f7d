// What the console asks of the gate: the services that the commands ask, too.
import Ledger
package import Management
import RuleBook
package import Settings
import Staging

package struct ConsoleServices: Sendable {
    let settings: GateSettings
    let authority: any GateAuthority
    let accounts: AccountService
    let drops: DropService
    let sources: SourceService
    let ledger: LedgerService
    let rules: RuleService
    let reports: ReportService
    let activity: Activity

    /// - Parameter authority: the running gate's own.
    package init(_ settings: GateSettings, authority: any GateAuthority) {
        self.settings = settings
        self.authority = authority
        accounts = AccountService(settings)
        drops = DropService(settings)
        sources = SourceService(settings, authority: authority)
        ledger = LedgerService(settings)
        rules = RuleService(settings)
        reports = ReportService(settings, authority: authority)
        activity = Activity(settings.ledgerHandle)
    }

    /// Firewall rules as text, by `Parameter.direction` and `.firewall`; nil: they are not asked for. Names are not looked up.
    func firewallRules(_ parameters: Parameters) async throws -> String? {
        guard let direction = try parameters.words(.direction, { $0 }).first,
            let format = try parameters.words(.firewall, ExportFormat.init).first
        else { return nil }
        return try await rules.export(
            direction == "ingress" ? .ingress(channels: []) : .egress(RuleService.Egress()), as: format)
    }

    /// The drop of an id, also one that is held. Throws a `Problem` where there is none.
    func drop(_ parameters: Parameters) throws -> DropView {
        do {
            guard let view = try drops.show(dropID(parameters)).first else { throw Problem.unknownDrop }
            return view
        } catch let error as ManagementError where error.code == .refused {
            throw Problem.unknownDrop
        }
    }

    /// The id in the path. Throws a `Problem` for what no drop's can be.
    func dropID(_ parameters: Parameters) throws(Problem) -> String {
        guard let id = try parameters.text(.id), DropID.isValid(id) else { throw .unknownDrop }
        return id
    }

    /// For one request: nothing holds the ledger open when the gate stops, or its log would stay beside it. Throws `LedgerError`.
    func attempts() throws -> AttemptService { try AttemptService(settings, authority: authority) }
}
