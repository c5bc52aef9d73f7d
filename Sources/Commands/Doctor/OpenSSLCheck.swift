// Which OpenSSL this machine has, and whether the running gate works with it or with one that was replaced since.
import Ledger
import Reachability
import TLS

struct OpenSSLCheck {
    /// What the running gate said of itself; nil when none runs, or one of an earlier version.
    let running: JSONValue?

    init(running: JSONValue?) { self.running = running }

    /// Throws when OpenSSL lacks what every command needs.
    static func refuseMissing() throws(Failure) {
        let missing = OpenSSLLibrary.missing
        guard missing.isEmpty else { throw Failure(.configuration, lack(of: missing)) }
    }

    /// Throws when the system's crypto policy cannot be read: OpenSSL would work without it.
    static func refuseBadConfiguration() throws(Failure) {
        do throws(OpenSSLError) { try OpenSSLLibrary.checkConfiguration() } catch {
            throw Failure(.configuration, "OpenSSL's configuration is not good: \(error)")
        }
    }

    private static func lack(of missing: [String]) -> String {
        "OpenSSL does not provide \(missing.joined(separator: ", ")): look at the providers and default_properties "
            + "in \(OpenSSLLibrary.configuration)"
    }

    /// Whether OpenSSL can be worked with at all; what more there is to say follows in `findings`.
    static func basics() -> [Finding] {
        let fix = "mend it (config(5)), then: dropgate doctor"
        let missing = OpenSSLLibrary.missing
        if !missing.isEmpty { return [Finding("openssl", .fail, lack(of: missing), fix: fix)] }
        do throws(Failure) { try refuseBadConfiguration() } catch {
            return [Finding("openssl", .fail, error.message, fix: fix)]
        }
        return []
    }

    /// What a gate says of its own process.
    static var facts: JSONValue {
        [
            "version": .string(OpenSSLLibrary.version),
            "replaced": .array((OpenSSLLibrary.replaced() ?? []).map { .string($0) }),
        ]
    }

    func findings() -> [Finding] {
        let version = OpenSSLLibrary.version
        let providers = OpenSSLLibrary.providers.joined(separator: ", ")
        var findings = [Finding("openssl", .ok, "\(version); providers: \(providers)")]
        guard let running else { return findings }
        let replaced = running["replaced"]?.array?.compactMap(\.string) ?? []
        let its = running["version"]?.string ?? "an unknown version"
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
                    fix: "look from where it takes its libraries: LD_LIBRARY_PATH, a container"))
        } else {
            findings.append(Finding("openssl", .ok, "the running gate works with it"))
        }
        return findings
    }
}
