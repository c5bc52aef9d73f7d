// `dropgate probe webhook`: can VSee deliver an event to this URL, and if not, at which step does it fail?
import Admission
import ArgumentParser
import Management
import Reachability
import Settings

struct ProbeWebhookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook",
        abstract: "Post an event that is marked as a probe to a webhook's URL, as VSee would.",
        discussion: """
            The event is a complete VSee envelope whose clinic code is "\(ProbeMark.code)": a Dropgate gate \
            answers it, records it as a probe and stores nothing. Another receiver may store it.

            EXAMPLES
              dropgate probe webhook https://gate.example:8443/webhooks/vsee
              dropgate probe webhook https://gate.example/webhooks/vsee --secret-file path-secret
              dropgate probe webhook https://10.0.0.5:8443/webhooks/vsee --proxy-protocol v2 --as 20.21.208.105
              dropgate probe webhook https://gate.example/ --reachability --format nagios
            """)

    @Argument(help: "The URL as given to VSee, without its secret part.")
    var url: String

    @Option(help: "The envelope to post, v1 or v2, marked as a probe.")
    var event: SyntheticEvent = .v2

    @Flag(help: "Ask GET /reachability on the same host instead of posting an event.")
    var reachability = false

    @Option(help: ArgumentHelp("A header field to send; repeatable.", valueName: "name:value"))
    var header: [String] = []

    @Option(help: ArgumentHelp("The user name for HTTP basic authentication.", valueName: "user"))
    var basicUser: String?

    @Option(
        help: ArgumentHelp(
            "The file with that user's password; only its owner may be able to read it.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var passwordFile: String?

    @Option(
        help: ArgumentHelp(
            "The file that holds the secret last part of the path; it is never printed.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var secretFile: String?

    @Option(
        help: ArgumentHelp("Also trust the certificate authorities in this PEM file.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var ca: String?

    @Flag(help: "Continue, with a warning, if the certificate does not verify or secrets go over plain HTTP.")
    var insecure = false

    @OptionGroup var options: ProbeOptionGroup

    func validate() throws {
        guard (basicUser == nil) == (passwordFile == nil) else {
            throw ValidationError("--basic-user and --password-file belong together")
        }
        if let basicUser, basicUser.contains(":") || !Self.isFieldText(basicUser) {
            throw ValidationError("--basic-user: give printable text without a colon")
        }
        if reachability, secretFile != nil {
            throw ValidationError("--reachability has a path of its own; leave --secret-file out")
        }
        _ = try parsedURL()
        _ = try fields()
    }

    func run() async throws {
        let printer = ProbePrinter(kind: "webhook", format: options.format)
        let probe = try printer.prepare { try makeProbe() }
        let chosen = try options.options()
        try await printer.run(.webhook(probe), chosen)
    }

    private func parsedURL() throws -> ProbeURL {
        do throws(TargetError) {
            return try ProbeURL(url)
        } catch {
            throw ValidationError(error.description)
        }
    }

    private func makeProbe() throws -> WebhookProbe {
        var probe = ProbeService.webhook(try parsedURL(), reachability ? .reachability : .event(event))
        probe.fields = try fields()
        if let basicUser, let passwordFile {
            probe.basic = (basicUser, Secret(try ArgumentText.secret(passwordFile, "--password-file")))
        }
        if let secretFile {
            let bytes = try ArgumentText.secret(secretFile, "--secret-file")
            probe.pathSecret = try ProbeService.pathSecret(bytes, from: "--secret-file: \(secretFile)")
        }
        if let ca { probe.authorities = try ProbeService.authorities(ca, from: "--ca: \(ca)") }
        probe.isInsecure = insecure
        return probe
    }

    private func fields() throws -> [WebhookProbe.Field] {
        try header.map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let token = "!#$%&'*+-.^_`|~0123456789".utf8
            guard parts.count == 2, !parts[0].isEmpty, Self.isFieldText(parts[1]),
                parts[0].utf8.allSatisfy({ token.contains($0) || (0x41...0x5A).contains($0 & 0xDF) })
            else { throw ValidationError("--header: write NAME:VALUE, as in \"X-Token: abc\"") }
            return WebhookProbe.Field(
                name: String(parts[0]), value: parts[1].trimmingPrefix { $0 == " " }.description)
        }
    }

    private static func isFieldText(_ text: some StringProtocol) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}

extension SyntheticEvent: ExpressibleByArgument {}
