// How far the setting up of a gate has come: what a look at its files, its ledger and its running process tells.
import Accounts
import Admission
import Files
package import Foundation
import Ledger
import Settings
import TLS

package struct GateStanding: Sendable {
    package enum Certificate: Sendable, Hashable {
        /// One that somebody else issued and that is in force; or none is needed.
        case good
        case missing
        /// Signed by itself, as the trial certificate is: callers refuse it.
        case selfIssued
        /// On this day, as in `2026-11-27`.
        case expired(String)
        /// It cannot be used, and why.
        case bad(String)
    }

    /// Enabled accounts that send, by name. Collectors are not VSee's.
    package var senders: [String] = []
    /// What is wrong with account files.
    package var accountProblems: [String] = []
    package var certificate = Certificate.good
    /// The certificate's names; nil without one.
    package var certificateNames: String?
    /// Whether a gate runs; nil where that cannot be told.
    package var isRunning: Bool? = false
    /// The ports that the running gate has announced, by listener.
    package var ports: [String: UInt16] = [:]
    /// A source of the lists has come through on each open channel.
    package var isHeard = false
    /// Host keys that were made beside a running gate.
    package var hasNewHostKeys = false
    /// The user to whom the state belongs; nil when nobody knows.
    package var owner: uid_t?
    /// systemd has the service of this gate.
    package var isService = false

    package init() {}

    static func look(_ settings: GateSettings, file: String, log: SetupLog, now: Instant) async -> Self {
        var standing = Self()
        standing.lookAtAccounts(settings)
        if let tls = settings.webhook?.tls { standing.look(at: tls, now) }
        switch await GatePresence.look(settings) {
        case .no: standing.isRunning = false
        case .yes:
            standing.isRunning = true
            standing.ports = (try? BoundPorts.read(settings)) ?? [:]
        case .unknown: standing.isRunning = nil
        }
        standing.isHeard = isHeard(settings)
        standing.hasNewHostKeys =
            standing.isRunning == true
            && settings.sftp.map { !Set($0.hostKeys).isDisjoint(with: log.made) } ?? false
        standing.owner = Presence.owner(of: settings.state)
        standing.isService =
            GateSteps.isInstalled(file) && serviceFiles.contains { (try? Presence.check($0)) == true }
        return standing
    }

    private static let serviceFiles = [
        "/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
    ].map {
        "\($0)/dropgate.service"
    }

    private mutating func lookAtAccounts(_ settings: GateSettings) {
        guard settings.sftp != nil else { return }
        do throws(ManagementError) {
            let listing = try AccountService(settings).list()
            senders = listing.accounts.filter { $0.role == .sender && !$0.disabled }.map(\.name)
            accountProblems = listing.problems.map { "\($0)" }
        } catch {
            accountProblems = [error.message]
        }
    }

    private mutating func look(at tls: TLSSettings, _ now: Instant) {
        let leaf: TLS.Certificate
        do throws(FileError) {
            guard try Presence.check(tls.certificate), try Presence.check(tls.key) else {
                return certificate = .missing
            }
            leaf = try TLSFiles.server(tls).chain[0]
        } catch {
            return certificate = .bad(error.message)
        }
        certificateNames = leaf.names
        if leaf.isSelfIssued {
            certificate = .selfIssued
        } else if leaf.notAfter < now.microseconds / 1_000_000 {
            let end = Instant(microseconds: leaf.notAfter * 1_000_000)
            certificate = .expired(String(end.description.prefix(10)))
        }
    }

    /// A ledger or a list that cannot be read tells nothing: then it counts as not heard.
    private static func isHeard(_ settings: GateSettings) -> Bool {
        guard (try? settings.ledgerHandle.isThere()) == true,
            let reader = try? settings.ledgerHandle.reader(),
            let policy = try? PolicyLoader.load(files: settings.sources)
        else { return false }
        var open: [Channel] = []
        if settings.webhook != nil { open.append(.webhook) }
        if settings.sftp != nil { open.append(.sftp) }
        return open.allSatisfy { channel in
            policy.entries.contains { entry in
                entry.channels.contains(channel) && (try? reader.lastContact(entry, on: channel)) != nil
            }
        }
    }
}
