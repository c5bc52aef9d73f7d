// What is left to do until a gate takes VSee's calls, in order. What is done is not among it. Pure, but for users' names.
import Foundation
package import Settings

package struct GateSteps: Sendable {
    private let settings: GateSettings
    private let file: String
    private let standing: GateStanding

    /// - Parameter file: the settings file's absolute path.
    package init(_ settings: GateSettings, file: String, standing: GateStanding) {
        self.settings = settings
        self.file = file
        self.standing = standing
    }

    /// A gate of the whole machine, whose configuration is root's.
    static func isInstalled(_ file: String) -> Bool { file == "/etc/dropgate/dropgate.yaml" }

    /// Empty when nothing is left.
    package var lines: [String] {
        var steps = standing.accountProblems.map { "fix \($0)" }
        if settings.sftp != nil, standing.senders.isEmpty {
            steps.append(command("account add vsee --key vsee.pub") + "   # VSee's public key")
        }
        if let certificate { steps.append(certificate) }
        if !standing.isHeard {
            steps.append(
                "let the source list's addresses through your firewall: "
                    + command("rules export --direction ingress --format nftables", asGate: true))
        }
        if let roots { steps.append(roots) }
        switch standing.isRunning {
        case false:
            steps.append(command("serve --check", asGate: true))
            steps.append(standing.isService ? "sudo systemctl enable --now dropgate" : command("serve"))
        case true:
            guard standing.hasNewHostKeys else { break }
            steps.append(
                "restart the gate, so that it offers its new host key"
                    + (standing.isService ? ": sudo systemctl restart dropgate" : ""))
        default:
            steps.append(
                "check whether the gate runs, which this user cannot find out: "
                    + command("doctor", asGate: true))
        }
        return steps
    }

    private var certificate: String? {
        guard let tls = settings.webhook?.tls else { return nil }
        let put =
            "put a certificate of a public authority, with its chain, at \(tls.certificate) and its key at \(tls.key)"
        return switch standing.certificate {
        case .good: nil
        case .missing: put
        case .selfIssued: "\(put): the one there is self-signed, and VSee refuses it"
        case .expired(let day): "\(put): the one there expired on \(day)"
        case .bad(let problem): "fix the certificate: \(problem)"
        }
    }

    /// As people type it: for an installed gate with the rights that it takes.
    /// - Parameter asGate: as the gate's own user, who reads the state; else as whoever may change the configuration.
    private func command(_ arguments: String, asGate: Bool = false) -> String {
        let line = "dropgate \(arguments) --config \(Self.quoted(file))"
        guard Self.isInstalled(file) else { return line }
        return asGate ? "sudo -u \(user) \(line)" : "sudo \(line)"
    }

    private var user: String {
        guard let owner = standing.owner, owner != 0, let entry = getpwuid(owner) else { return "dropgate" }
        return String(cString: entry.pointee.pw_name)
    }

    /// What root has made is of no use to a gate that runs as another user.
    private var roots: String? {
        guard standing.owner == 0, standing.isRunning == false else { return nil }
        let user = getpwnam("dropgate") == nil ? "USER" : "dropgate"
        let home = String(file.prefix(upTo: file.lastIndex(of: "/") ?? file.startIndex))
        let (state, folder) = (Self.quoted(settings.state), Self.quoted(home))
        let commands =
            settings.state.hasPrefix(home + "/")
            ? "chown -R \(user): \(folder)"
            : "chown -R \(user): \(state) && chgrp -R \(user) \(folder) && chmod -R g+rX \(folder)"
        return "give it to the user that the gate runs as, since it does not run as root: `\(commands)`"
    }

    /// One word of a shell.
    private static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || Array("/._-+,:@%=".utf8).contains(byte)
        }
        return plain
            ? text
            : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
                + "'"
    }
}
