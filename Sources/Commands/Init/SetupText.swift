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
}
