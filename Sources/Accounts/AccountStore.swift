// The directory of account files: reading all of them, and the changes that `dropgate account` makes.
// A file that cannot be read spoils only itself. Writes are durable and appear at once (rename).
import Files
import Glibc
package import Settings
import Staging

/// What a look into the directory found.
package struct AccountListing: Sendable {
    /// Good accounts by name.
    package var accounts: [String: Account] = [:]
    /// The other files, by file name.
    package var badFiles: [String: AccountStore.BadFile] = [:]
}

package struct AccountStore: Sendable {
    /// Absolute.
    package let directory: String

    package init(directory: String) { self.directory = directory }

    package func path(of name: String) -> String { "\(directory)/\(name)\(Self.suffix)" }

    /// Every account. Throws only when the directory itself cannot be listed.
    package func load() throws(AccountError) -> AccountListing {
        var listing = AccountListing()
        for file in try files() {
            do throws(BadFile) {
                let account = try load(file: file)
                listing.accounts[account.name] = account
            } catch {
                listing.badFiles[file] = error
            }
        }
        return listing
    }

    /// Throws where the directory itself cannot be listed, as `load` does. Opens no file in it.
    package func checkDirectory() throws(AccountError) { _ = try files() }

    /// One account. Throws `.notFound`, `.badName` or `.badFile`.
    package func load(name: String) throws(AccountError) -> Account {
        try Account.check(name: name)
        var isThere = true
        do throws(FileError) { isThere = try Presence.check(path(of: name)) } catch {
            // What is wrong with the directory is told of it, and else of the file.
            try checkDirectory()
        }
        guard isThere else { throw missing(name) }
        do throws(BadFile) {
            return try load(file: name + Self.suffix)
        } catch {
            var problems = error.problems
            if error.closes == false {
                problems.append(
                    SettingsProblem(
                        place: .file(path(of: name)), key: "",
                        message: "until it is fixed, `disabled: true` in it lets nobody log in"))
            }
            throw AccountError(.badFile, "\(SettingsErrors(problems))", problems: problems)
        }
    }

    /// Writes a new account. Throws `.exists` when there is one of this name.
    package func add(_ account: Account) throws(AccountError) {
        try write(account, replacing: false)
    }

    /// Writes an account over the one of its name.
    package func replace(_ account: Account) throws(AccountError) {
        _ = try load(name: account.name)
        try write(account, replacing: true)
    }

    /// Disables or enables an account and returns it as it now stands.
    @discardableResult
    package func setDisabled(_ disabled: Bool, name: String) throws(AccountError) -> Account {
        var account = try load(name: name)
        guard account.disabled != disabled else { return account }
        account.disabled = disabled
        try write(account, replacing: true)
        return account
    }

    /// Removes an account's file. What the account delivered stays.
    package func remove(name: String) throws(AccountError) {
        try Account.check(name: name)
        do throws(StagingError) {
            let folder = try Directory(path: directory)
            guard try folder.remove(name + Self.suffix) else {
                throw StagingError(.notFound, "there is no account \"\(name)\"")
            }
            try folder.sync()
        } catch {
            throw error.code == .notFound ? missing(name) : Self.failure(error)
        }
    }

    /// Where their directory is none, or may not be used, nobody knows which accounts there are: that is told instead.
    private func missing(_ name: String) -> AccountError {
        do throws(AccountError) { try checkDirectory() } catch {
            if error.code == .unusable { return error }
        }
        return AccountError(.notFound, "there is no account \"\(name)\" (no file \(path(of: name)))")
    }

    /// Of what was to be done in the directory.
    private static func failure(_ error: StagingError) -> AccountError {
        let code: AccountError.Code =
            switch error.code {
            case .notFound: .notFound
            case .denied, .obstructed: .unusable
            case .full: .full
            case .badPath, .exists, .damaged, .failed: .failed
            }
        return AccountError(code, error.description)
    }

    static let suffix = ".yaml"

    /// The names of the account files, sorted. Hidden files are none.
    func files() throws(AccountError) -> [String] {
        do throws(StagingError) {
            return try Directory(path: directory).names().filter { name in
                // One that ends in `.yml` is told of: its account would be missed.
                !name.hasPrefix(".") && (name.hasSuffix(Self.suffix) || name.hasSuffix(".yml"))
            }
        } catch {
            throw Self.failure(error)
        }
    }

    /// A file that holds no account that counts.
    package struct BadFile: Error, Sendable {
        /// What is wrong with it, and nothing of what comes of that.
        package let errors: SettingsErrors
        /// Whether it closes its account all the same; nil where what it says is not known, or not to be believed.
        package let closes: Bool?
        /// It is a link that leads to nothing: there is no such account.
        package var isAbsent = false
        /// This process may not read it.
        package var isDenied = false

        /// What is wrong with it; the last one says so where it closes its account.
        package var problems: [SettingsProblem] {
            var problems = errors.problems
            if closes == true, let last = problems.indices.last {
                problems[last].message += " (meanwhile nobody can log in)"
            }
            return problems
        }
    }

    /// Reads one file of `files()`.
    func load(file: String) throws(BadFile) -> Account {
        let path = "\(directory)/\(file)"
        func problem(_ message: String, closes: Bool? = nil) -> BadFile {
            BadFile(
                errors: SettingsErrors([SettingsProblem(place: .file(path), key: "", message: message)]),
                closes: closes)
        }
        guard file.hasSuffix(Self.suffix) else {
            throw problem("the name of an account's file ends in .yaml")
        }
        let name = String(file.dropLast(Self.suffix.count))
        do throws(AccountError) {
            try Account.check(name: name)
        } catch {
            throw problem(error.message)
        }
        do throws(FileError) { try FileTrust.check(path) } catch { throw problem(error.message) }
        let bytes: [UInt8]
        let mode: UInt32
        do throws(SmallFile.Failure) {
            let file = try SmallFile.open(path)
            mode = file.mode
            bytes = try file.contents(limit: AccountFile.maximumSize)
        } catch {
            var bad = problem(Self.words(error, path))
            bad.isAbsent = (try? Presence.check(path)) == false
            bad.isDenied = Self.isDenial(error)
            throw bad
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            // Of UTF-16 and UTF-32, as some editors write them, what is ASCII is there between zeros, behind a byte order mark.
            let letters = String(decoding: bytes.filter { 0 < $0 && $0 < 0xFE }, as: UTF8.self)
            throw problem("not UTF-8 text; save it as UTF-8", closes: AccountFile.closes(letters))
        }
        let account = try AccountFile.parse(text, name: name, path: path)
        guard account.passwordHash == nil || mode & 0o004 == 0 else {
            throw problem(
                "everybody can read the hash of its password: chmod 600 \(path)", closes: account.disabled)
        }
        return account
    }

    private static func isDenial(_ failure: SmallFile.Failure) -> Bool {
        if case .system(let error) = failure { error.isDenial } else { false }
    }

    /// What may not be read is told with what lets this process in.
    private static func words(_ failure: SmallFile.Failure, _ path: String) -> String {
        guard isDenial(failure) else { return failure.description }
        let text = "permission denied: \(SystemUser.own) may not read it"
        return AccessAdvice.remedy(path).map { "\(text): \($0)" } ?? text
    }

    private func write(_ account: Account, replacing: Bool) throws(AccountError) {
        let text: String
        do {
            text = try AccountFile.text(account)
        } catch {
            throw AccountError(.failed, "the account cannot be written as YAML; report this")
        }
        do throws(StagingError) {
            let folder = try Directory(path: directory, create: true)
            try folder.place(Array(text.utf8), as: account.name + Self.suffix, replacing: replacing)
        } catch {
            guard error.code == .exists else { throw Self.failure(error) }
            throw AccountError(
                .exists,
                "there is an account \"\(account.name)\" already (\(path(of: account.name))); remove it first"
            )
        }
    }
}
