// `dropgate init`: makes what a gate lacks and changes nothing that is there, then says what to tell VSee.
import ArgumentParser
import Files
import Management

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Create what a gate is missing, and print what to give VSee.",
        discussion: """
            With DIR, creates a self-contained gate there: settings, VSee's source list, accounts and state. Without DIR, creates \
            the state for the settings file that --config, $DROPGATE_CONFIG or the usual places name.

            Creates host keys, a trial certificate (self-signed: replace it before VSee calls) and the console's token \
            if they are missing. What exists stays as it is, so you can run it again at any time; it then says what \
            is left to do. The host name that VSee is to call is taken from the certificate.

            If there is a ledger already, init does not replace what belongs to it: the key that signs it, and the host keys that \
            callers know. It reports them as missing and says what to do; it is best to restore them from the backup.

            Webhook secrets are printed only with --show-secrets.

            As root: settings, lists and accounts stay owned by root, for the gate to read; what is missing of the state \
            is created as the user who owns the state directory. If root owns the whole gate, give it to the user that \
            it will run as; the output says how.

            EXAMPLES
              dropgate init gate
              sudo dropgate init --config /etc/dropgate/dropgate.yaml
            """)

    @Argument(
        help: "Directory of a self-contained gate; . for the current directory.", completion: .directory,
        transform: ArgumentText.notEmpty)
    var directory: String?

    @Flag(
        help: "Also print the webhook's secrets: those in its URL and header, its password and signing keys.")
    var showSecrets = false

    @Flag(help: "Also make new SSH host keys for those that callers know but that are lost for good.")
    var newHostKeys = false

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        if directory != nil, gate.config != nil { throw ValidationError("give DIR or --config, not both") }
    }

    func run() async throws {
        var options = GateSetup.Options()
        options.showsSecrets = showSecrets
        options.makesNewHostKeys = newHostKeys
        let (log, sheet) =
            if let directory {
                try await GateSetup.make(in: Paths.absolute(directory), options)
            } else {
                try await GateSetup.make(settings: gate.file(), options)
            }
        try Output.done("the gate is made") {
            if output.isJSON {
                try Output.json(sheet.json(log))
            } else {
                for line in log.lines + [""] + sheet.lines { try Output.line(line) }
            }
        }
    }
}
