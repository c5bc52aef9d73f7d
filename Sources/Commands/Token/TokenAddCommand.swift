// `dropgate token add`: a new token, which is printed once.
import Admission
import ArgumentParser
import JSON
import Management

struct TokenAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Make a token, and print it. It is not shown again.",
        discussion: """
            EXAMPLES
              sudo -u dropgate dropgate token add prometheus --role viewer \\
                | sudo install -m 600 -o prometheus /dev/stdin /etc/prometheus/dropgate/viewer.token
              dropgate token add ehr --role consumer --expires 2027-06-30 --note "EHR import, team A"

            Standard output has only the token. A program sends it as: Authorization: Bearer TOKEN
            """)

    @Argument(
        help: "The name under which the ledger records whoever uses it.", transform: ArgumentText.notEmpty)
    var name: String

    @Option(help: "viewer, auditor, operator or consumer; `dropgate token --help` says what each may do.")
    var role: TokenRole

    @Option(
        help: ArgumentHelp(
            "Valid until then: 2027-01-31 (local time) or 2027-01-31T08:00:00Z. Default: until it is revoked.",
            valueName: "date"))
    var expires: String?

    @Option(help: "Anything worth knowing.")
    var note: String?

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func validate() throws { try ArgumentText.checkWords(note, "--note") }

    func run() async throws {
        let until = try expires.map { try ArgumentText.instant($0, "--expires") }
        do {
            let made = try await TokenService(gate.settings()).add(
                name, role, expires: until, note: note, by: remark.attribution(), warn: { Output.note($0) })
            try Output.done { try tell(made.token, made.secret) }
        } catch let error as ManagementError {
            throw error.asUsage
        }
    }

    private func tell(_ token: ConsoleToken, _ secret: String) throws {
        guard output.isJSON else {
            try Output.line(secret)
            return Output.note("token \(token.name), \(token.role.rawValue): it is not shown again")
        }
        var members = token.json(at: .now()).object ?? [:]
        members["token"] = .string(secret)
        try Output.json(.object(members))
    }
}
