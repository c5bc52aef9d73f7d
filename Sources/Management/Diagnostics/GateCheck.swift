// Checks that need more than files: settings as `serve` takes them, certificates, OpenSSH, and the running gate.
import Accounts
import Admission
import Files
import Foundation
import JSON
import Reachability
import SFTPReceiver
import Settings
import Staging
import TLS

struct GateCheck {
    /// Days before a certificate's end from which on it is spoken of.
    private static let notice = 21

    let settings: GateSettings
    let file: String
    let now: Instant

    // MARK: Settings

    /// What `serve` would say, and the settings as far as they can be read. Throws when they cannot.
    static func load(_ file: String) throws -> (settings: GateSettings, findings: [Finding]) {
        do {
            let settings = try SettingsLoader.load(file: file)
            return (settings, [Finding("configuration", .ok, "\(file) is good")])
        } catch {
            // What cannot be read at all is told with everything else that is wrong.
            guard let settings = try? SettingsLoader.load(file: file, namedFiles: .ignored) else {
                throw error
            }
            return (
                settings,
                error.problems.map {
                    Finding("configuration", .fail, "\($0)", fix: "mend it, then: dropgate serve --check")
                }
            )
        }
    }

    func accounts() -> [Finding] {
        guard settings.sftp != nil else { return [] }
        do throws(AccountError) {
            let listing = try AccountStore(directory: settings.accounts).load()
            var findings = listing.problems.sorted { $0.key < $1.key }.flatMap(\.value.problems).map {
                Finding("accounts", .fail, "\($0)", fix: "mend the file; the account counts as it was")
            }
            let active = listing.accounts.values.filter { !$0.disabled }.count
            findings.append(
                active > 0
                    ? Finding("accounts", .ok, "enabled accounts: \(active) of \(listing.accounts.count)")
                    : Finding(
                        "accounts", .warn, "no account is enabled: nobody can log in by SFTP",
                        fix: "dropgate account add vsee --key vsee.pub"))
            return findings
        } catch {
            return [
                Finding(
                    "accounts", .warn, "\(error)",
                    fix: "dropgate account add vsee --key vsee.pub makes the first")
            ]
        }
    }

    // MARK: Certificates and keys

    func certificates() -> [Finding] {
        guard let tls = settings.webhook?.tls else { return [] }
        let path = tls.certificate
        let fix =
            "put a new certificate and its key at \(path) and \(tls.key); the gate takes them over by itself"
        let chain: [Certificate]
        do throws(FileProblem) {
            chain = try TLSFiles.server(tls).chain
        } catch {
            return [Finding("certificates", .fail, "\(error)", fix: fix)]
        }
        let (leaf, end) = (chain[0], chain.end ?? 0)
        let today = now.microseconds / 1_000_000
        let days = Int((Double(end - today) / 86_400).rounded(.down))
        let day = Instant(microseconds: end * 1_000_000).description.prefix(10)
        var findings: [Finding] = []
        if leaf.notBefore > today {
            findings.append(Finding("certificates", .fail, "\(path) is not valid yet", fix: fix))
        }
        if days < 0 {
            findings.append(Finding("certificates", .fail, "\(path) expired on \(day)", fix: fix))
        } else if days < Self.notice {
            findings.append(
                Finding(
                    "certificates", .warn, "\(path) expires in \(Counted.text(days, "day", "days"))", fix: fix
                ))
        } else {
            findings.append(Finding("certificates", .ok, "\(path) is good until \(day)"))
        }
        if leaf.isSelfIssued {
            findings.append(
                Finding(
                    "certificates", .warn, "\(path) is self-signed: VSee will refuse it",
                    fix: "get a certificate of a public authority"))
        } else if chain.count == 1 {
            findings.append(
                Finding(
                    "certificates", .warn, "\(path) holds no intermediate certificate: many callers need it",
                    fix: "put the full chain into it (fullchain.pem)"))
        }
        return findings
    }

    func hostKeys() async -> [Finding] {
        guard let paths = settings.sftp?.hostKeys else { return [] }
        var findings = await HostKeys.examine(paths).map { _, outcome in
            switch outcome {
            case .success(let key):
                Finding("host keys", .ok, "\(key.type) \(key.fingerprint)")
            case .failure(let error):
                Finding("host keys", .fail, "\(error)", fix: "mend it, then: dropgate serve --check")
            }
        }
        let usual = SFTPSettings.defaultHostKeys(state: settings.state)
        if paths != usual, paths.allSatisfy(usual.contains) {
            findings.append(
                Finding(
                    "host keys", .warn,
                    "no ECDSA key: clients that know nothing newer cannot connect (JSch 0.1)",
                    fix: "`dropgate init` makes it; then restart the gate"))
        }
        return findings
    }

    // MARK: OpenSSH

    func openSSH() async -> [Finding] {
        guard settings.sftp != nil else { return [] }
        let tools = SSHDTools.find()
        let install = "apt-get install openssh-server libnss-wrapper"
        var findings: [Finding] = []
        if let sshd = tools.sshd {
            let version = await tools.version() ?? "of an unknown version"
            findings.append(Finding("openssh", .ok, "\(sshd) is \(version)"))
        } else {
            findings.append(Finding("openssh", .fail, "sshd is not installed: no SFTP", fix: install))
        }
        do throws(SSHDError) {
            let session = try await tools.checkSession()
            findings.append(Finding("openssh", .ok, "\(session), of this program, is of its release"))
        } catch {
            findings.append(
                Finding("openssh", .fail, "\(error)", fix: "mend it, then: dropgate serve --check"))
        }
        if let library = tools.nssWrapper {
            let version = await tools.wrapperVersion() ?? library
            findings.append(Finding("openssh", .ok, "libnss-wrapper is \(version)"))
        } else {
            findings.append(
                Finding(
                    "openssh", .warn,
                    "libnss-wrapper is not installed: only the gate's own user name can log in",
                    fix: install))
        }
        return findings
    }

    // MARK: The running gate

    func running() async -> [Finding] {
        let control = ControlClient(path: settings.controlSocket)
        guard await control.answers() else {
            return OpenSSLCheck(running: nil).findings() + ListenerCheck(listeners(ports: [:])).findings()
        }
        guard let state = try? await control.state() else {
            return [
                Finding(
                    "gate", .fail, "a gate runs and does not say how it is",
                    fix: "look into its log; if it is of another version, restart it")
            ]
        }
        return Self.findings(state.problems) + OpenSSLCheck(running: state).findings()
            + ListenerCheck(listeners(ports: boundPorts())).findings()
    }

    private static func findings(_ problems: [String: String]) -> [Finding] {
        if problems.isEmpty { return [Finding("gate", .ok, "it runs, and nothing is wrong with it")] }
        return problems.sorted { $0.key < $1.key }.map { name, problem in
            Finding(
                "gate", .fail, "\(name): \(problem)",
                fix: "it goes away by itself once the cause does")
        }
    }

    /// What the running gate has announced.
    private func boundPorts() -> [String: JSONValue] {
        let bytes = FileManager.default.contents(atPath: settings.portsFile).map(Array.init) ?? []
        return (try? JSONValue(parsing: bytes))?.object ?? [:]
    }

    private func listeners(ports: [String: JSONValue]) -> [ListenerCheck.Listener] {
        var listeners: [ListenerCheck.Listener] = []
        let addresses: KeyValuePairs = [
            "webhook": settings.webhook?.listen, "sftp": settings.sftp?.listen,
            "console": settings.console?.listen,
        ]
        for (name, address) in addresses {
            guard let address else { continue }
            let port = ports[name]?.int.flatMap { UInt16(exactly: $0) }
            listeners.append(ListenerCheck.Listener(name: name, address: address, port: port))
        }
        return listeners
    }

    /// Events of unlisted sources that wait for a decision.
    func held() -> [Finding] {
        guard FileManager.default.fileExists(atPath: settings.staging.path),
            let receipts = try? StagingArea(path: settings.staging.path).quarantinedEvents(),
            !receipts.isEmpty
        else { return [] }
        let sources = Set(receipts.compactMap(\.source)).sorted().prefix(5).joined(separator: ", ")
        return [
            Finding(
                "quarantine", .warn,
                "\(Counted.text(receipts.count, "event", "events")) of VSee's form held, from \(sources): VSee's address may have changed",
                fix: "ask VSee; then dropgate source add, dropgate drops list --held, dropgate drops release")
        ]
    }
}
