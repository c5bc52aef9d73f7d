// Who may log in by SFTP: the accounts of a gate and their changes. A running gate takes changes over by itself.
package import Accounts
package import Admission
package import Settings

/// Methods throw `ManagementError`.
package struct AccountService: Sendable {
    /// What the account files say.
    package struct Listing: Sendable {
        /// By name.
        package let accounts: [Account]
        /// What is wrong with the other files, by file.
        package let problems: [SettingsProblem]

        /// Throws what is wrong with files.
        package func check() throws(SettingsErrors) {
            guard problems.isEmpty else { throw SettingsErrors(problems) }
        }
    }

    private let store: AccountStore

    package init(_ settings: GateSettings) { store = AccountStore(directory: settings.accounts) }

    /// Where the account files lie.
    package var directory: String { store.directory }

    package func file(of name: String) -> String { store.path(of: name) }

    /// All accounts; none where no directory for them was made yet.
    package func list() throws(ManagementError) -> Listing {
        do throws(AccountError) {
            let listing = try store.load()
            return Listing(
                accounts: listing.accounts.values.sorted { $0.name < $1.name },
                problems: listing.problems.sorted { $0.key < $1.key }.flatMap(\.value.problems))
        } catch {
            guard error.code == .notFound else { throw ManagementError(error) }
            return Listing(accounts: [], problems: [])
        }
    }

    package func show(_ name: String) throws(ManagementError) -> Account {
        do throws(AccountError) { return try store.load(name: name) } catch { throw ManagementError(error) }
    }

    /// Makes an account, and returns it. Refused when there is one of this name.
    package func add(_ new: NewAccount, at now: Instant = .now()) throws(ManagementError) -> Account {
        guard !new.keys.isEmpty || new.password != nil else {
            throw ManagementError(.invalid, "nobody could log in", fix: "give a public key or a password")
        }
        do throws(AccountError) {
            let account = try new.account(created: now)
            try store.add(account)
            return account
        } catch { throw ManagementError(error) }
    }

    /// Lets nobody log in to an account, or lets them again, and returns it as it now stands.
    @discardableResult
    package func setDisabled(_ disabled: Bool, of name: String) throws(ManagementError) -> Account {
        do throws(AccountError) {
            return try store.setDisabled(disabled, name: name)
        } catch { throw ManagementError(error) }
    }

    /// Removes an account. What it delivered stays.
    package func remove(_ name: String) throws(ManagementError) {
        do throws(AccountError) { try store.remove(name: name) } catch { throw ManagementError(error) }
    }
}
