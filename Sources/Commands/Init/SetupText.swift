// What `dropgate init` says to people.
import Management
import SFTPReceiver
import Settings

extension SetupLog {
    var lines: [String] {
        made.map { "\(Colour.green("made"))     \($0)" } + kept.map { "kept     \($0)" }
            + missing.map { "\(Colour.yellow("missing"))  \($0)" }
    }
}

extension GateSheet {
    var lines: [String] {
        var lines = [Colour.bold("GIVE TO VSEE")]
        func tell(_ what: String, _ value: String) {
            lines.append("  \(what)\(String(repeating: " ", count: max(1, 14 - what.count)))\(value)")
        }
        if let webhookURL { tell("webhook URL", webhookURL) }
        for credential in credentials { tell(credential.what, credential.value) }
        if let sftpPort {
            tell("SFTP", "\(name.host), port \(sftpPort)")
            tell("SFTP user", accounts.isEmpty ? "none yet, see below" : accounts.joined(separator: ", "))
            for key in hostKeys { tell("host key", "\(key.fingerprint)  (\(key.type))") }
        }
        lines += remarks.map { "  (\($0))" }
        let steps = next
        guard !steps.isEmpty else {
            return lines + [
                "", Colour.bold("NEXT") + "  nothing: the gate runs, and listed sources have come through",
            ]
        }
        return lines + ["", Colour.bold("NEXT")] + steps.enumerated().map { "  \($0 + 1). \($1)" }
    }
}
