// What the people of a gate tell VSee, and what to do next. It holds no secret.
import Accounts
import Admission
import Files
import Foundation
import JSON
import Ledger
import Management
import SFTPReceiver
import Settings

struct GateSheet {
    let settings: GateSettings
    let file: String
    private let host: String
    private let hostKeys: [HostKeys.Description]
    private let accounts: [String]

    init(settings: GateSettings, file: String) async throws {
        self.settings = settings
        self.file = file
        host = ProcessInfo.processInfo.hostName
        var keys: [HostKeys.Description] = []
        for path in settings.sftp?.hostKeys ?? [] where FileManager.default.fileExists(atPath: path) {
            keys.append(try await HostKeys.describe(path))
        }
        hostKeys = keys
        let listing = try? AccountStore(directory: settings.accounts).load()
        accounts = listing?.accounts.values.filter { !$0.disabled }.map(\.name).sorted() ?? []
    }

    private var webhookURL: String? {
        settings.webhook.map { webhook in
            let scheme = webhook.tls == nil ? "http" : "https"
            let secret = webhook.checks.pathSecret == nil ? "" : "/SECRET"
            return "\(scheme)://\(host):\(webhook.listen.port)\(webhook.path)\(secret)"
        }
    }

    var lines: [String] {
        var lines = [
            Colour.bold("GIVE TO VSEE") + "  (with the name and ports under which VSee reaches this gate)"
        ]
        if let webhookURL { lines.append("  webhook URL   \(webhookURL)") }
        if let sftp = settings.sftp {
            let users =
                accounts.isEmpty
                ? "none yet: `dropgate account add`, see below" : accounts.joined(separator: ", ")
            lines.append("  SFTP          \(host), port \(sftp.listen.port)")
            lines.append("  SFTP user     \(users)")
            for key in hostKeys { lines.append("  host key      \(key.fingerprint)  (\(key.type))") }
        }
        return lines + ["", Colour.bold("NEXT")] + next.enumerated().map { "  \($0 + 1). \($1)" }
    }

    private var next: [String] {
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

    func json(_ log: SetupLog) -> JSONValue {
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
