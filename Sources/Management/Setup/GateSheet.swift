// What the people of a gate tell VSee, and what to do next. It holds no secret.
import Accounts
import Files
import Foundation
package import JSON
package import SFTPReceiver
package import Settings

package struct GateSheet: Sendable {
    package let settings: GateSettings
    /// The settings file.
    package let file: String
    package let host: String
    package let hostKeys: [HostKeys.Description]
    /// Names of the accounts that are enabled.
    package let accounts: [String]

    /// Throws `SSHDError` for a host key that cannot be read.
    package init(settings: GateSettings, file: String) async throws {
        self.settings = settings
        self.file = file
        host = ProcessInfo.processInfo.hostName
        var keys: [HostKeys.Description] = []
        for path in settings.sftp?.hostKeys ?? [] where (try? Presence.check(path)) != false {
            keys.append(try await HostKeys.describe(path))
        }
        hostKeys = keys
        let listing = try? AccountService(settings).list()
        accounts = listing?.accounts.filter { !$0.disabled }.map(\.name) ?? []
    }

    package var webhookURL: String? {
        settings.webhook.map { webhook in
            let scheme = webhook.tls == nil ? "http" : "https"
            let secret = webhook.checks.pathSecret == nil ? "" : "/SECRET"
            return "\(scheme)://\(host):\(webhook.listen.port)\(webhook.path)\(secret)"
        }
    }

    /// What is left to do until the gate runs, step by step.
    package var next: [String] {
        var steps: [String] = []
        if settings.sftp != nil, accounts.isEmpty {
            steps.append("dropgate account add vsee --key vsee.pub --config \(file)")
        }
        if let tls = settings.webhook?.tls, tls.certificate.hasPrefix(settings.state + "/") {
            steps.append(
                "put a certificate of a public authority at \(tls.certificate) and its key at \(tls.key)")
        }
        steps.append(
            "let the source list's addresses through your firewall: dropgate rules export --direction ingress "
                + "--format nftables --config \(file)")
        if let roots { steps.append(roots) }
        steps.append("dropgate serve --check --config \(file)")
        steps.append("dropgate serve --config \(file)")
        return steps
    }

    /// What root has made is of no use to a gate that runs as another user.
    private var roots: String? {
        var status = stat()
        guard stat(settings.state, &status) == 0, status.st_uid == 0 else { return nil }
        let user = getpwnam("dropgate") == nil ? "USER" : "dropgate"
        let home = Paths.directory(of: file)
        let commands =
            settings.state.hasPrefix(home + "/")
            ? "chown -R \(user): \(home)"
            : "chown -R \(user): \(settings.state) && chgrp -R \(user) \(home) && chmod -R g+rX \(home)"
        return "give it to the user that the gate runs as, since it does not run as root: `\(commands)`"
    }

    /// For programs, with what was made and found.
    package func json(_ log: SetupLog) -> JSONValue {
        var members = log.json
        members["config"] = .string(file)
        members["webhook"] = webhookURL.map { ["url": .string($0)] }
        if let sftp = settings.sftp {
            members["sftp"] = [
                "host": .string(host), "port": .int(Int64(sftp.listen.port)),
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
        return .object(members)
    }
}
