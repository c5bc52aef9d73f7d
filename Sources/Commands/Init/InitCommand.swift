// `dropgate init`: makes what a gate lacks and changes nothing that is there, then says what to tell VSee.
import ArgumentParser
import Files
import Management

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make what a gate lacks, and say what to give VSee.",
        discussion: """
            With DIR: a gate in that directory, with settings, VSee's source list, accounts and state. Without: the \
            state of the settings that --config, $DROPGATE_CONFIG or the usual places name.

            Makes host keys, a trial certificate (self-signed: replace it before VSee calls) and the console's token \
            where they are missing. What is there stays as it is, so it may be run again at any time: then it says what \
            is left to do. The name that VSee is to call is the one of the certificate.

            What belongs to a ledger is not made anew beside it: the key that signs it, and the host keys that callers know. \
            The answer names them as missing, and says what to do; best put them back from the backup.

            Secrets of webhooks are not printed unless --show-secrets asks for them.

            As root: settings, lists and accounts stay root's, for the gate to read, and what is missing of the state \
            is made as the user to whom the state directory belongs. A gate that is root's altogether has to be given \
            to the user that it will run as; the answer says how.

            EXAMPLES
              dropgate init gate
              sudo dropgate init --config /etc/dropgate/dropgate.yaml
            """)

    @Argument(
        help: "Directory of a self-contained gate; . for this one.", completion: .directory,
        transform: ArgumentText.notEmpty)
    var directory: String?

    @Flag(help: "Print the webhook's secrets, too: in its URL, header, password and signing keys.")
    var showSecrets = false

    @Flag(help: "Make SSH host keys also in place of those that callers know and that are lost for good.")
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
