// What somebody with a token of the console may ask for. Pure.

/// Something that can be asked of the console.
package enum Permission: Sendable, Hashable, CaseIterable {
    /// Problems in words, figures, what the gate's checks find.
    case status
    case readAttempts
    /// Source lists, and what they decide.
    case readSources
    /// Accounts, without what they log in with.
    case readAccounts
    /// What there is, and receipts; not what drops hold.
    case readDrops
    /// What drops hold: patient data.
    case readContent
    /// Entries in bulk, and reports.
    case export
    /// Hashing the whole ledger.
    case verify
    case acknowledge
    /// Events that are held in quarantine.
    case releaseHeld
    /// What no consumer has yet.
    case withdraw
    case changeSources
    /// Calling out: probes, and trying the network rules.
    case probe
}

package enum TokenRole: String, Sendable, Hashable, CaseIterable, Codable {
    /// Looks, and changes nothing.
    case viewer
    /// Looks, and takes evidence away.
    case auditor
    /// Looks, and does what a person has to decide.
    case `operator`
    /// A program that takes drops: it sees them and what they hold, and says when it is done; nothing else.
    case consumer

    private static let looks: Set<Permission> = [
        .status, .readAttempts, .readSources, .readAccounts, .readDrops,
    ]

    private var permissions: Set<Permission> {
        switch self {
        case .viewer: Self.looks
        case .auditor: Self.looks.union([.export, .verify])
        case .operator:
            Self.looks.union([
                .export, .verify, .acknowledge, .releaseHeld, .withdraw, .changeSources, .probe,
            ])
        case .consumer: [.readDrops, .readContent, .acknowledge]
        }
    }

    package func may(_ permission: Permission) -> Bool { permissions.contains(permission) }
}
