// A gate's ledger and groups, and its settings in Intake's words.
import Admission
package import Files
package import Intake
package import Ledger
package import Settings
package import Staging

extension GateSettings {
    /// The ledger of these settings.
    package var ledgerHandle: LedgerHandle { LedgerHandle(file: ledger.path, readers: readers) }
    /// The group that may read the ledger. nil, too, where the system knows no group of that name: `ReadAccess` says so.
    package var readers: AccessGroup? { ledger.readGroup.flatMap { try? AccessGroup(named: $0) } }

    /// Who may take from staging. nil, too, where the system knows no group of that name: `ConsumerAccess` says so.
    package var consumers: Consumers? {
        staging.group.flatMap { try? AccessGroup(named: $0) }.map(Consumers.init)
    }

    /// Those that are let in to something of the gate: its user gives them files.
    var groups: [AccessGroup] { [readers, consumers?.group].compactMap(\.self) }

    package var intake: Intake.Configuration {
        var configuration = Intake.Configuration(
            node: node, ledger: ledgerHandle, stagingPath: staging.path)
        configuration.consumers = consumers
        configuration.reserveBytes = staging.reserve
        configuration.reserveInodes = staging.reserveInodes
        configuration.layout =
            switch staging.layout {
            case .file: .file
            case .ndjson: .ndjson
            }
        configuration.retention.acknowledged = staging.keepAcknowledged
        configuration.retention.quarantined = staging.keepQuarantined
        configuration.retention.receipts = staging.keepReceipts
        if let webhook {
            configuration.mostHeldEvents = webhook.heldEvents
            configuration.mostHeldBytes = webhook.heldBytes
        }
        if let sftp {
            configuration.retention.resumeFor = sftp.resumeFor
            configuration.settle = sftp.settle
            configuration.afterRelease =
                switch sftp.afterRelease {
                case .change: .change
                case .refuse: .refuse
                }
            configuration.temporaryNames = TemporaryNames(sftp.provisional + [ProbeMark.filePrefix + "*"])
            configuration.maxPendingBytes = sftp.maxPendingBytes
            configuration.maxPendingNames = sftp.maxPendingNames
        }
        return configuration
    }
}
