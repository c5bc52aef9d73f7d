// Who may log in by SFTP: the accounts of a gate and their changes. A running gate takes changes over by itself.
package import Accounts
package import Admission
import Files
package import Settings

/// Methods throw `ManagementError`.
package struct AccountService: Sendable {
    /// What the account files say.
    package struct Listing: Sendable {
        /// By name.
        package let accounts: [Account]
        /// What is wrong with the other files, by file.
        package let problems: [SettingsProblem]
        /// Whether a running gate goes on with what one of those files said before: they are neither gone nor close their account.
        package let isAnyKept: Bool

        /// Throws what is wrong with files.
        package func check() throws(SettingsErrors) {
            guard problems.isEmpty else { throw SettingsErrors(problems) }
        }
    }

    private let settings: GateSettings
    private let store: AccountStore

    package init(_ settings: GateSettings) {
        self.settings = settings
        store = AccountStore(directory: settings.accounts)
    }

    /// Where the account files lie.
    package var directory: String { store.directory }

    package func file(of name: String) -> String { store.path(of: name) }

    /// All accounts; none where no directory for them was made yet.
    package func list() throws(ManagementError) -> Listing {
        do throws(AccountError) {
            let listing = try store.load()
            return Listing(
                accounts: listing.accounts.values.sorted { $0.name < $1.name },
                problems: listing.badFiles.sorted { $0.key < $1.key }.flatMap(\.value.problems),
                isAnyKept: listing.badFiles.values.contains { $0.closes != true && !$0.isAbsent })
        } catch {
            guard error.code == .notFound else { throw ManagementError(error) }
            return Listing(accounts: [], problems: [], isAnyKept: false)
        }
    }

    package func show(_ name: String) throws(ManagementError) -> Account {
        do throws(AccountError) { return try store.load(name: name) } catch { throw ManagementError(error) }
    }

    // MARK: Changes

    // Each has an entry in the ledger, with who made it and why (`attribution`); `warn` is told what could not be recorded.

    package typealias Warn = @Sendable (String) -> Void

    /// Makes an account, and returns it. Refused when there is one of this name.
    package func add(
        _ new: NewAccount, at now: Instant = .now(), by attribution: Attribution, warn: @escaping Warn
    ) async throws -> Account {
        guard !new.keys.isEmpty || new.password != nil else {
            throw ManagementError(.invalid, "nobody could log in", fix: "give a public key or a password")
        }
        let account: Account
        do throws(AccountError) {
            account = try new.account(created: now)
            try store.add(account)
        } catch { throw ManagementError(error) }
        await record("account add", account.name, "+ \(account.name)", attribution, warn)
        return account
    }

    /// Lets nobody log in to an account, or lets them again, and returns it as it now stands.
    @discardableResult
    package func setDisabled(
        _ disabled: Bool, of name: String, by attribution: Attribution, warn: @escaping Warn
    ) async throws -> Account {
        let (account, isChange) = try await change {
            () throws(AccountError) -> (account: Account, isChange: Bool) in
            let before = try store.load(name: name)
            let after = try store.setDisabled(disabled, name: name)
            return (after, before.disabled != disabled)
        }
        guard isChange else { return account }
        await record(
            disabled ? "account disable" : "account enable", name,
            "~ \(name) (\(disabled ? "disabled" : "enabled"))", attribution, warn)
        return account
    }

    /// Removes an account. What it delivered stays.
    package func remove(_ name: String, by attribution: Attribution, warn: @escaping Warn) async throws {
        try await change { () throws(AccountError) in try store.remove(name: name) }
        await record("account remove", name, "- \(name)", attribution, warn)
    }

    /// Changes an account that is there. No other such change comes between the look at its file and the new one: an account that
    /// is removed meanwhile would be there again.
    private func change<Value>(_ body: () throws(AccountError) -> Value) async throws -> Value {
        do {
            return try await DirectoryLock.hold([directory]) { try body() }
        } catch {
            if error is FileError {
                // What is wrong with the directory is told as elsewhere.
                do throws(AccountError) { try store.checkDirectory() } catch { throw ManagementError(error) }
            }
            throw ManagementError.of(error) ?? error
        }
    }

    private func record(
        _ command: String, _ name: String, _ line: String, _ attribution: Attribution, _ warn: @escaping Warn
    ) async {
        await Authority.recordChange(
            ManagedChange(command, file: file(of: name), account: name, lines: [line]), by: attribution,
            settings: settings, warn: warn)
    }
}
