// What somebody with a token of the console may ask for. Pure.

/// Something that can be asked of the console.
package enum Permission: Sendable, Hashable, CaseIterable {
    /// Problems in words, figures.
    case status
    case readAttempts
    /// Source lists, and what they decide.
    case readSources
    /// What there is, and receipts; not what drops hold.
    case readDrops
    /// What drops hold: patient data.
    case readContent
    case acknowledge
    /// Events that are held in quarantine.
    case releaseHeld
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

    package func may(_ permission: Permission) -> Bool {
        switch self {
        case .viewer, .auditor:
            [.status, .readAttempts, .readSources, .readDrops].contains(permission)
        case .operator:
            [.status, .readAttempts, .readSources, .readDrops, .acknowledge, .releaseHeld].contains(
                permission)
        case .consumer: [.readDrops, .readContent, .acknowledge].contains(permission)
        }
    }
}
