// `dropgate account add`: a new account for a sender's or a collector's key, password or both.
import Accounts
import Admission
import ArgumentParser
import Files
import Foundation
import Management

struct AccountAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add an account for a public key, a password or both.",
        discussion: """
            EXAMPLES
              dropgate account add vsee --key vsee.pub --note "VSee Clinic, encounter files"
              dropgate account add lab --password-stdin < password.txt

              dropgate account add integration --role collector --collects vsee --collects-webhooks --key their.pub

            A sender writes into its drop box and reads nothing. A collector reads and acknowledges the released \
            drops of the accounts given by --collects, and writes nothing; another gate's `dropgate pull` logs in as one. A \
            collector's address must be in a source list, like that of every SFTP caller: give integrators a list of \
            their own.

            VSee documents neither a user name nor an authentication method: ask VSee for a public key first.
            """)

    @Argument(help: "The user name to log in with.", transform: ArgumentText.notEmpty)
    var name: String

    @Option(
        help: ArgumentHelp(
            "A public key file (.pub, or lines of authorized_keys); repeatable.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var key: [String] = []

    @Flag(help: "Read a password from standard input, up to the first newline.")
    var passwordStdin = false

    @Option(help: "sender or collector.")
    var role = Account.Role.sender

    @Option(
        help: ArgumentHelp(
            "For a collector: an account whose released drops it may read; repeatable.", valueName: "account"),
        transform: ArgumentText.notEmpty)
    var collects: [String] = []

    @Flag(help: "For a collector: it may read released webhooks.")
    var collectsWebhooks = false

    @Option(help: "Anything worth knowing.")
    var note: String?

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        try ArgumentText.checkWords(note, "--note")
        if key.isEmpty, !passwordStdin {
            throw ValidationError("nobody could log in: give --key FILE or --password-stdin")
        }
        if role == .sender, collectsWebhooks || !collects.isEmpty {
            throw ValidationError("only a collector may collect drops: add --role collector")
        }
    }

    func run() async throws {
        let accounts = AccountService(try gate.settings())
        var new = NewAccount(name: name)
        if passwordStdin { new.password = try NewAccount.hash(password()) }
        new.keys = try key.flatMap(keys)
        if role == .collector { new.collects = (collects, collectsWebhooks) }
        new.note = note
        let account = try await accounts.add(
            new, by: remark.attribution(), warn: { Output.note($0) })
        try Output.done { try tell(account, accounts) }
    }

    private func tell(_ account: Account, _ accounts: AccountService) throws {
        if output.isJSON { return try Output.json(account.json) }
        try Output.line("added \(name) (\(accounts.file(of: name)))")
        for key in account.keys {
            try Output.line("  \(key.fingerprint)  \(key.type)  \(UntrustedText.line(key.comment))")
        }
        if account.passwordHash != nil { try Output.line("  password") }
        if let scope = account.collects { try Output.line("  collects \(scope.summary)") }
    }

    private func keys(in file: String) throws -> [AuthorizedKey] {
        let path = Paths.absolute(file)
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            data = try file.read(upToCount: 1 << 20) ?? Data()
        } catch {
            let why = AccessAdvice.denial(path, SystemError(of: error) ?? SystemError(EIO))
            throw ManagementError(.invalid, "--key: \(why)")
        }
        guard data.count < 1 << 20, let text = String(validating: data, as: UTF8.self) else {
            throw ManagementError(.invalid, "--key: \(path) is not text, or has 1 MiB or more")
        }
        return try NewAccount.keys(in: text, from: "--key: \(file)")
    }

    private func password() throws -> String {
        var bytes: [UInt8] = []
        var byte = getchar()
        while byte != EOF, byte != 0x0A {
            guard bytes.count < Self.longestLine else {
                throw ManagementError(.invalid, "--password-stdin: the password has more than 64 KiB")
            }
            bytes.append(UInt8(truncatingIfNeeded: byte))
            byte = getchar()
        }
        if bytes.last == 0x0D { bytes.removeLast() }
        guard !bytes.isEmpty else {
            throw ManagementError(.invalid, "--password-stdin: standard input holds no password")
        }
        // With other bytes, or with a mark in front, it is not what a client sends.
        guard let line = String(validating: bytes, as: UTF8.self), line.unicodeScalars.first != "\u{FEFF}"
        else {
            throw ManagementError(
                .invalid, "--password-stdin: the password is not UTF-8, or begins with a byte order mark",
                fix: "give it as UTF-8 without one")
        }
        return line
    }

    /// In bytes: no password is as long.
    private static let longestLine = 64 << 10
}
