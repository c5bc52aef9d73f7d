// What the people of a gate tell VSee, and what to do next. It holds no secret that was not asked for.
package import Admission
import Files
import Foundation
package import JSON
package import SFTPReceiver
package import Settings

package struct GateSheet: Sendable {
    package let settings: GateSettings
    /// The settings file.
    package let file: String
    package let name: PublicName
    package let hostKeys: [HostKeys.Description]
    private let standing: GateStanding
    private let showsSecrets: Bool

    /// Throws `SSHDError` for a host key that cannot be read.
    /// - Parameters:
    ///   - log: what was made just now.
    ///   - showsSecrets: VSee needs them; whoever sees the screen has them.
    package init(
        settings: GateSettings, file: String, log: SetupLog = SetupLog(), showsSecrets: Bool = false,
        now: Instant = .now()
    ) async throws {
        self.settings = settings
        self.file = file
        self.showsSecrets = showsSecrets
        standing = await GateStanding.look(settings, file: file, log: log, now: now)
        name = PublicName(certificate: standing.certificateNames, machine: ProcessInfo.processInfo.hostName)
        var keys: [HostKeys.Description] = []
        for path in settings.sftp?.hostKeys ?? [] where (try? Presence.check(path)) != false {
            keys.append(try await HostKeys.describe(path))
        }
        hostKeys = keys
    }

    /// Names of the accounts by which VSee can log in.
    package var accounts: [String] { standing.senders }

    /// What is left to do until the gate takes VSee's calls, step by step; empty when nothing is.
    package var next: [String] { GateSteps(settings, file: file, standing: standing).lines }

    package var sftpPort: UInt16? { settings.sftp.map { port($0.listen, "sftp") } }

    package var webhookURL: String? {
        settings.webhook.map { webhook in
            // The port belongs to the proxy that ends TLS, and nobody here knows it.
            let port = webhook.tls == nil ? 443 : port(webhook.listen, "webhook")
            let secret = webhook.checks.pathSecret.map { "/" + (shown($0) ?? "SECRET") } ?? ""
            return "https://\(name.inURL)\(port == 443 ? "" : ":\(port)")\(webhook.path)\(secret)"
        }
    }

    /// What a call of a webhook has to show beside its address: what it is, and the value or where it is kept.
    package var credentials: [(what: String, value: String)] {
        guard let checks = settings.webhook?.checks else { return [] }
        var found: [(what: String, value: String)] = []
        if let secret = checks.pathSecret, shown(secret) == nil {
            found.append(("SECRET", kept("webhook.secret_file")))
        }
        if let header = checks.header {
            found.append(
                ("header", "\(header.name): \(shown(header.value) ?? kept("webhook.header.value_file"))"))
        }
        if let basic = checks.basic {
            let password = shown(basic.password) ?? kept("webhook.basic.password_file")
            found.append(("basic auth", "user \(basic.user), password: \(password)"))
        }
        for key in checks.standardWebhooks {
            let text = showsSecrets ? "whsec_" + Data(key.bytes).base64EncodedString() : nil
            found.append(
                (
                    "signing key",
                    text ?? kept("webhook.standard_webhooks.secret_files") + " (Standard Webhooks)"
                ))
        }
        return found
    }

    /// What whoever hands the sheet on has to know.
    package var remarks: [String] {
        var remarks: [String] = []
        switch name.origin {
        case .certificate: break
        case .wildcard:
            remarks.append("NAME: the certificate covers any name in that domain; give the gate's own")
        case .machine:
            remarks.append(
                "\(name.host) is this machine's own name: give the one under which VSee reaches it")
        }
        if settings.webhook != nil, settings.webhook?.tls == nil {
            remarks.append(
                "webhook.plaintext: a proxy terminates TLS; give VSee its name and port, with this path")
        }
        if [settings.webhook?.address.mode, settings.sftp?.address.mode].contains(where: {
            $0 != nil && $0 != .direct
        }) {
            remarks.append("a proxy is in front: give its name and ports where they differ")
        } else {
            remarks.append("if a firewall maps ports, give those that it opens to VSee")
        }
        return remarks
    }

    /// Of a port that the system chooses, the running gate knows the number.
    private func port(_ listen: ListenAddress, _ listener: String) -> UInt16 {
        listen.port == 0 ? standing.ports[listener] ?? 0 : listen.port
    }

    private func shown(_ secret: Secret) -> String? {
        showsSecrets && !secret.bytes.isEmpty ? String(decoding: secret.bytes, as: UTF8.self) : nil
    }

    private func kept(_ key: String) -> String { "what the file of \(key) holds" }

    /// For programs, with what was made and found.
    package func json(_ log: SetupLog) -> JSONValue {
        var members = log.json
        members["config"] = .string(file)
        members["name"] = ["host": .string(name.host), "from": .string(name.origin.rawValue)]
        members["webhook"] = webhookURL.map { ["url": .string($0)] }
        if let sftp = settings.sftp {
            members["sftp"] = [
                "host": .string(name.host), "port": .int(Int64(port(sftp.listen, "sftp"))),
                "users": .array(accounts.map(JSONValue.string)),
                "host_keys": .array(
                    hostKeys.map {
                        [
                            "type": .string($0.type), "fingerprint": .string($0.fingerprint),
                            "line": .string($0.line),
                        ]
                    }),
            ]
        }
        if let console = settings.console {
            members["console"] = [
                "listen": .string(console.listen.description), "token_file": .string(console.tokenFile),
            ]
        }
        members["next"] = .array(next.map(JSONValue.string))
        return .object(members)
    }
}
