// Which OpenSSL this machine has, and whether the running gate works with it or with one that was replaced since.
import Reachability
import TLS

package struct OpenSSLCheck {
    /// What the running gate said of itself; nil when none runs.
    let running: GateState?

    init(running: GateState?) { self.running = running }

    /// Throws when OpenSSL lacks what every command needs.
    package static func refuseMissing() throws(ManagementError) {
        let missing = OpenSSLLibrary.missing
        guard missing.isEmpty else { throw ManagementError(.configuration, lack(of: missing)) }
    }

    /// Throws when the system's crypto policy cannot be read: OpenSSL would work without it.
    package static func refuseBadConfiguration() throws(ManagementError) {
        do throws(OpenSSLError) { try OpenSSLLibrary.checkConfiguration() } catch {
            throw ManagementError(
                .configuration, "OpenSSL's configuration has a mistake: \(error)", cause: error)
        }
    }

    private static func lack(of missing: [String]) -> String {
        "OpenSSL does not provide \(missing.joined(separator: ", ")): check the providers and default_properties "
            + "in \(OpenSSLLibrary.configuration)"
    }

    /// Whether OpenSSL can be worked with at all; what more there is to say follows in `findings`.
    static func basics() -> [Finding] {
        let fix = "fix it (see config(5)), then run: dropgate doctor"
        let missing = OpenSSLLibrary.missing
        if !missing.isEmpty { return [Finding("openssl", .fail, lack(of: missing), fix: fix)] }
        do throws(ManagementError) { try refuseBadConfiguration() } catch {
            return [Finding("openssl", .fail, error.message, fix: fix)]
        }
        return []
    }

    func findings() -> [Finding] {
        let version = OpenSSLLibrary.version
        let providers = OpenSSLLibrary.providers.joined(separator: ", ")
        var findings = [Finding("openssl", .ok, "\(version); providers: \(providers)")]
        guard let running else { return findings }
        let (its, replaced) = (running.openSSL, running.replacedFiles)
        if !replaced.isEmpty {
            findings.append(
                Finding(
                    "openssl", .warn,
                    "the running gate still works with \(its), whose files an upgrade has replaced: "
                        + replaced.joined(separator: ", "),
                    fix: "restart the gate: systemctl restart dropgate"))
        } else if its != version {
            findings.append(
                Finding(
                    "openssl", .warn, "the running gate works with \(its), not with this machine's",
                    fix: "find out where it gets its libraries from: LD_LIBRARY_PATH, a container"))
        } else {
            findings.append(Finding("openssl", .ok, "the running gate works with it"))
        }
        return findings
    }
}
