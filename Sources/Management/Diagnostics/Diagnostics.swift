// What is well with a gate, what is not, and what to do: settings, accounts, certificates, host keys, files, the machine,
// OpenSSH, the running gate, and when each source was last heard.
import Admission
import Foundation
import Ledger
package import Reachability
package import Settings
import TLS

package enum Diagnostics {
    /// Everything about a gate that can be looked at from its own machine. Throws when its settings cannot be read.
    /// - Parameter file: the absolute path of the settings.
    package static func findings(settings file: String) async throws -> [Finding] {
        let now = Instant.now()
        let basics = OpenSSLCheck.basics()
        // Without its digests nothing else can be looked at.
        guard OpenSSLLibrary.missing.isEmpty else { return basics }
        let (settings, configuration) = try GateCheck.load(file)
        let check = GateCheck(settings: settings, file: file, now: now)
        var findings = basics + configuration + check.accounts() + check.certificates()
        findings += await check.hostKeys()
        findings += FilesystemCheck(settings).findings() + MachineCheck(settings).findings()
        findings += await check.openSSH()
        findings += await check.running()
        findings += sources(settings, now) + check.held()
        return findings
    }

    /// What of a gate's directories and files must be mended before anything is accepted on it.
    package static func fatal(_ settings: GateSettings) -> [Finding] {
        FilesystemCheck(settings).findings().filter(\.isFatal)
    }

    private static func sources(_ settings: GateSettings, _ now: Instant) -> [Finding] {
        do {
            let policy = try PolicyLoader.load(files: settings.sources, isForGate: true)
            let reader = settings.ledgerHandle.exists ? try settings.ledgerHandle.reader() : nil
            return try ContactCheck(policy: policy, reader: reader, now: now).findings()
        } catch let errors as SettingsErrors {
            return errors.problems.map {
                Finding("sources", .fail, "\($0)", fix: "mend the list; the old one stays")
            }
        } catch {
            let known = ManagementError.of(error)
            return [
                Finding(
                    "ledger", .fail, known?.message ?? "\(error)",
                    fix: known?.fix ?? "run `dropgate ledger verify`")
            ]
        }
    }
}
