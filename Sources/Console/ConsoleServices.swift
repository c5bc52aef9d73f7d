// What the console asks of the gate: the services that the commands ask, too.
import Ledger
package import Management
package import Settings

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

    /// For one request: nothing holds the ledger open when the gate stops, or its log would stay beside it. Throws `LedgerError`.
    func attempts() throws -> AttemptService { try AttemptService(settings, authority: authority) }
}
