// What is well with a gate, what is not, and what to do: one list of checks, of which each says who makes it.
import Admission
import Blocking
import Files
package import Ledger
package import Reachability
package import Settings
import TLS

package enum Diagnostics {
    /// Who looks: `dropgate doctor`, `dropgate serve --check`, `dropgate serve` before it opens anything, and the gate's own console
    /// again and again, which makes no connections that would be attempts in the ledger.
    package enum Occasion: Sendable, CaseIterable { case doctor, check, start, console }

    /// One check. At a start only what is not well counts.
    struct Check: Sendable {
        var area: String
        var occasions: Set<Occasion>
        var findings: @Sendable (GateFacts) async -> [Finding]

        init(
            _ area: String, _ occasions: Set<Occasion> = [.doctor, .console],
            _ findings: @escaping @Sendable (GateFacts) async -> [Finding]
        ) {
            self.area = area
            self.occasions = occasions
            self.findings = findings
        }
    }

    private static let everywhere = Set(Occasion.allCases)
    private static let starts: Set<Occasion> = [.check, .start]

    /// All checks, in the order in which doctor tells them.
    static let checks = [
        Check("accounts") { GateCheck($0).accounts() },
        Check("accounts", starts) { GateCheck($0).accountDirectory() },
        Check("certificates") { CertificateCheck($0.settings, now: $0.now).chain() },
        Check("certificates", [.doctor, .check, .console]) {
            CertificateCheck($0.settings, now: $0.now).dates()
        },
        Check("certificates", [.start]) { CertificateCheck($0.settings, now: $0.now).dates(isStart: true) },
        Check("host keys") { HostKeyCheck.kinds($0.settings) },
        Check("host keys", [.doctor, .check, .console]) { await HostKeyCheck.findings($0) },
        // Keys that differ from those of the last start are told by the start itself, which does not wait for sealed entries.
        Check("host keys", [.start]) { await HostKeyCheck.keys($0) },
        Check("filesystem") { FilesystemCheck($0.settings).findings() },
        // What is merely not ideal is doctor's to say. A gate without room starts, and says so by itself.
        Check("filesystem", [.start]) {
            FilesystemCheck($0.settings).findings().filter { $0.start == .isRefused }
        },
        Check("filesystem", [.check]) {
            FilesystemCheck($0.settings).findings().filter { $0.state == .fail }
        },
        Check("filesystem", [.doctor, .check, .console]) { GateCheck($0).staging() },
        Check("filesystem", everywhere) { StagingLinkCheck.findings($0.settings) },
        Check("filesystem", everywhere) { PathCheck.findings($0.settings) },
        Check("machine") { MachineCheck($0.settings, openFiles: $0.state?.openFiles).findings() },
        // A rehearsal has the limit of whoever makes it, and not that of the service.
        Check("machine", [.start]) { [MachineCheck($0.settings).files] },
        Check("machine", everywhere) { MachineCheck($0.settings).boot(BootID.current) },
        Check("openssh") { await GateCheck($0).openSSH() },
        // The gate says by itself that libnss-wrapper is missing.
        Check("openssh", starts) { await GateCheck($0).neededOpenSSH() },
        // A start does so itself, with the files that it makes.
        Check("openssh", [.check]) { await GateCheck($0).rehearsedOpenSSH() },
        Check("ledger") { LedgerCheck.findings($0) },
        // A ledger of an older format is brought up to date by the start.
        Check("ledger", [.start]) { LedgerCheck.findings($0).filter { $0.start == .isRefused } },
        Check("ledger", [.check]) { LedgerCheck.findings($0).filter { $0.start != .goesOn } },
        Check("ledger", [.doctor, .check]) { LedgerCheck.writing($0, byOwner: true) },
        // A gate may run as root although its state is another user's.
        Check("ledger", [.start, .console]) { LedgerCheck.writing($0, byOwner: false) },
        Check("filesystem", [.doctor, .check]) { OwnershipCheck.findings($0.settings, byOwner: true) },
        Check("filesystem", [.start]) { OwnershipCheck.findings($0.settings, byOwner: false) },
        // A start asks this by itself, and ends with a status of its own.
        Check("ledger", [.doctor, .check, .console]) { await SignedLedgerCheck.findings($0) },
        Check("ledger", everywhere) { LedgerKeyCheck.findings($0) },
        Check("ledger", [.doctor, .check, .console]) { LedgerKeyCheck.rotation($0) },
        Check("ledger", [.doctor, .check, .console]) { GroupCheck.readers($0) },
        Check("filesystem", [.doctor, .check, .console]) { GroupCheck.consumers($0) },
        Check("clock", everywhere) { ClockCheck.findings($0) },
        Check("gate", [.doctor]) { RunningCheck.findings($0) },
        Check("openssl") { OpenSSLCheck(running: $0.state).findings() },
        Check("console", everywhere) { ConsoleCheck.findings($0.settings.console) },
        Check("webhook", everywhere) { WebhookSecretCheck.findings($0.settings.webhook) },
        Check("settings", everywhere) { facts in
            facts.settings.doubts.map { Finding("settings", .warn, "\($0)") }
        },
        Check("listeners", [.doctor]) { RunningCheck.listenerFindings($0) },
        Check("forwarding") { ForwardingCheck.findings($0.state) },
        Check("sources") { SourceCheck.lists($0) },
        Check("sources") { SourceCheck.callers($0) },
        Check("refusals") { SourceCheck.refusals($0) },
        Check("quarantine") { GateCheck($0).held() },
    ]

    /// Everything about a gate that can be looked at from its own machine. Throws when its settings cannot be read.
    /// - Parameter file: the absolute path of the settings.
    package static func findings(settings file: String) async throws -> [Finding] {
        let basics = OpenSSLCheck.basics()
        // Without its digests nothing else can be looked at.
        guard OpenSSLLibrary.missing.isEmpty else { return basics }
        let (settings, configuration) = try GateCheck.load(file)
        let facts = await GateFacts(settings, asksGate: true)
        return basics + configuration + (await findings(facts, .doctor))
    }

    /// For the console of a gate that runs with these settings.
    /// - Parameter contacts: of the checks before these.
    package static func findings(of settings: GateSettings, contacts: ContactMemory) async -> [Finding] {
        await findings(GateFacts(settings, asksGate: true, contacts: contacts), .console)
    }

    /// What is not well with a gate that is to start with these settings, which are good, and the host keys that its callers will be
    /// shown (nil where it takes no SFTP).
    package static func problems(
        _ settings: GateSettings, at occasion: Occasion
    ) async -> (findings: [Finding], hostKeys: HostKeyRecord?) {
        let facts = await GateFacts(settings, asksGate: false)
        let problems = await findings(facts, occasion).filter { $0.state != .ok }
        return (problems, await facts.hostKeys.map(HostKeyRecord.init))
    }

    private static func findings(_ facts: GateFacts, _ occasion: Occasion) async -> [Finding] {
        var findings: [Finding] = []
        let wanted = checks.filter { $0.occasions.contains(occasion) }
        // At once: most of the time goes into waiting for programs and for the gate. They are told in their own order.
        for found in await wanted.mapAtOnce({ await $0.findings(facts) }) {
            // Checks that meet the same trouble tell it once.
            for finding in found where !findings.contains(finding) { findings.append(finding) }
        }
        return findings.filter { !isTold($0, in: findings) }
    }

    /// Whether another finding tells what this one follows from. What refuses a start is left out for nothing that does not.
    static func isTold(_ finding: Finding, in all: [Finding]) -> Bool {
        guard let cause = finding.cause else { return false }
        return all.contains { other in
            other.state == .fail && other.area == finding.area && other.place == cause
                && (other.start == .isRefused || finding.start != .isRefused)
        }
    }
}
