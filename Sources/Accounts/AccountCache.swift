// The accounts as the daemon sees them: looked at again whenever their files have changed, handed to sshd's
// files, and kept at the last good state where a file has become bad. It never opens what a file closed, and closes what a bad
// file closes.
package import Admission
package import Files
import Settings
import Synchronization

/// The accounts at one moment.
package struct AccountSnapshot: Sendable {
    package var accounts: [String: Account] = [:]

    package init(accounts: [String: Account] = [:]) { self.accounts = accounts }

    package enum Standing: Sendable {
        case active(Account)
        case disabled
        case unknown
    }

    package func standing(of name: String) -> Standing {
        guard let account = accounts[name] else { return .unknown }
        return account.disabled ? .disabled : .active(account)
    }

    /// The account, if it may log in with a credential now; else why not. `earlier` is the account as it was
    /// when the credential was last good.
    package func account(
        _ name: String, with credential: Credential, since earlier: Account? = nil
    ) -> Result<Account, LoginRevocation> {
        switch standing(of: name) {
        case .unknown: .failure(.removed)
        case .disabled: .failure(.disabled)
        case .active(let account):
            account.stillHolds(credential, since: earlier ?? account)
                ? .success(account) : .failure(.credential)
        }
    }

    /// All of them, by name.
    package var sorted: [Account] { accounts.values.sorted { $0.name < $1.name } }
}

/// Why a login that sshd took is not good, or not any more.
package enum LoginRevocation: Error, Sendable, Equatable {
    case removed, disabled, credential
    /// The address it comes from is not let in any more.
    case source(Reason)

    package var reason: Reason {
        switch self {
        case .removed: .unknownAccount
        case .disabled: .accountDisabled
        case .credential: .authFailed
        case .source(let reason): reason
        }
    }

    package var message: String {
        switch self {
        case .removed: "this account was removed"
        case .disabled: "this account was disabled"
        case .credential: "the credential of this login was withdrawn"
        case .source: "the gate does not let this address in any more"
        }
    }
}

/// What a look at the accounts found to be new.
package struct AccountReport: Sendable, Equatable {
    /// "+ name", "- name", "~ name", sorted by name.
    package var changes: [String] = []
    /// Everything that is wrong now, in the order of file names; empty: all is well.
    package var problems: [String] = []
    /// The files that are not as they were at the last look.
    package var files: [FileOrigin] = []

    package init(changes: [String] = [], problems: [String] = [], files: [FileOrigin] = []) {
        self.changes = changes
        self.problems = problems
        self.files = files
    }
}

package final class AccountCache: Sendable {
    /// How a name of the directory looks.
    private enum Sight: Hashable {
        case file(FileSignature)
        /// It cannot be told whether it, or what it leads to, is there: no right to look, a loop of links, a disk that fails.
        case hidden
    }

    private struct File: Hashable {
        var sight: Sight
        /// The last good account that this file held, disabled by a bad one that closes it.
        var account: Account?
        var problems: [SettingsProblem] = []
    }

    private struct State {
        var files: [String: File] = [:]
        var snapshot = AccountSnapshot()
        var isHandedOver = false
        /// What was wrong with the directory itself.
        var directoryProblems: [String] = []
        /// All that was reported.
        var problems: [String] = []
        var lookedAt: ContinuousClock.Instant?
        /// When the directory was last found to be one that only trusted users may write, and as what.
        var trusted: (at: ContinuousClock.Instant, directory: FileSignature?)?
        /// When bad files were last read again; while there is none, the last look.
        var badReadAt: ContinuousClock.Instant?
    }

    /// How long a directory that has not changed, with files that have not, is trusted without another look at what leads to it; and bad
    /// files are taken to be as bad as they were.
    private static let trust = Duration.seconds(1)

    private let store: AccountStore
    private let handOver: @Sendable (AccountSnapshot) throws -> Void
    private let report: @Sendable (AccountReport) -> Void
    private let clock: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())
    private let writers = WriterWatch()

    /// `handOver` gives sshd its files; it is called again at the next look when it throws. `report` is
    /// called when something has changed.
    package init(
        store: AccountStore, handOver: @escaping @Sendable (AccountSnapshot) throws -> Void,
        report: @escaping @Sendable (AccountReport) -> Void,
        clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.clock = clock
        self.store = store
        self.handOver = handOver
        self.report = report
    }

    /// The accounts as their files are now. Costs one directory listing and one stat a file, and reading what has changed: it
    /// blocks, so it is for tasks on a `BlockingExecutor`.
    package func current() -> AccountSnapshot {
        let (snapshot, news) = state.withLock { state in
            let news = refresh(&state)
            return (state.snapshot, news)
        }
        if let news { report(news) }
        return snapshot
    }

    /// The accounts as their files were at some time after `instant`: questions that come thick and fast need not
    /// look each time.
    package func current(lookedAtAfter instant: ContinuousClock.Instant) -> AccountSnapshot {
        let known = state.withLock { state in
            state.lookedAt.flatMap { $0 >= instant ? state.snapshot : nil }
        }
        return known ?? current()
    }

    private func refresh(_ state: inout State) -> AccountReport? {
        state.lookedAt = clock()
        var problems: [String] = []
        let (files, before) = (state.files, state.snapshot)
        let known = files.mapValues(\.sight)
        var seen: [String: Sight] = [:]
        var bad: Set<String> = []
        do throws(AccountError) {
            let directory = FileSignature(path: store.directory)
            let found = sights()
            // That it is gone is news, too: whoever may take it away may be one who must not.
            let isSame = (try? found.get()) == known
            try checkTrust(&state, directory, isSame: isSame)
            seen = try found.get()
            bad = badFilesDue(&state)
        } catch {
            problems.append(error.message)
            // A directory that is gone holds no accounts; one that cannot be read says nothing new.
            if error.code != .notFound { seen = known }
        }
        // Half an account may open what the other half would close.
        for path in writers.unfinished(seen.keys.map { "\(store.directory)/\($0)" }) {
            let file = Paths.lastComponent(of: path)
            seen[file] = known[file]
            bad.remove(file)
        }
        let isSame = seen == known && bad.isEmpty && problems == state.directoryProblems
        if isSame && state.isHandedOver { return nil }
        state.directoryProblems = problems
        read(seen, again: bad, &state)
        state.snapshot = AccountSnapshot(
            accounts: Dictionary(
                state.files.values.compactMap(\.account).map { ($0.name, $0) },
                uniquingKeysWith: { first, _ in first }))
        for file in state.files.keys.sorted() {
            problems += state.files[file]?.problems.map(\.description) ?? []
        }
        if !state.isHandedOver || state.snapshot.accounts != before.accounts {
            do {
                try handOver(state.snapshot)
                state.isHandedOver = true
            } catch {
                state.isHandedOver = false
                problems.append("the accounts could not be handed to sshd: \(error)")
            }
        }
        let changes = state.snapshot.changes(from: before)
        guard !changes.isEmpty || problems != state.problems else { return nil }
        state.problems = problems
        let changed = Set(files.keys).union(state.files.keys).filter { files[$0] != state.files[$0] }
        return AccountReport(
            changes: changes, problems: problems,
            files: changed.sorted().compactMap { FileOrigin(path: "\(store.directory)/\($0)") })
    }

    /// Of each file of an account there is. A link that leads to nothing is none.
    private func sights() -> Result<[String: Sight], AccountError> {
        Result { () throws(AccountError) in
            var seen: [String: Sight] = [:]
            for file in try store.files() {
                let path = "\(store.directory)/\(file)"
                if let signature = FileSignature(path: path) {
                    seen[file] = .file(signature)
                } else if (try? Presence.check(path)) != false {
                    seen[file] = .hidden
                }
            }
            return seen
        }
    }

    /// Before anything that is new is believed, and from time to time where nothing is: a directory that others may write now shows
    /// no change of its files.
    private func checkTrust(
        _ state: inout State, _ directory: FileSignature?, isSame: Bool
    ) throws(AccountError) {
        let now = clock()
        if isSame, let trusted = state.trusted, trusted.directory == directory,
            now - trusted.at < Self.trust
        {
            return
        }
        state.trusted = nil
        do throws(FileError) { try FileTrust.check(store.directory) } catch {
            throw AccountError(
                .failed, "the directory of the accounts, \(store.directory): \(error.message)")
        }
        state.trusted = (now, directory)
    }

    /// The bad files that it is time to read again: what is wrong with them may be elsewhere, in a directory above or the system.
    private func badFilesDue(_ state: inout State) -> Set<String> {
        let bad = Set(state.files.filter { !$0.value.problems.isEmpty }.keys)
        let now = clock()
        if !bad.isEmpty, let last = state.badReadAt, now - last < Self.trust { return [] }
        state.badReadAt = now
        return bad
    }

    /// Reads what looks otherwise than before.
    /// - Parameter bad: read in any case.
    private func read(_ seen: [String: Sight], again bad: Set<String>, _ state: inout State) {
        state.files = state.files.filter { seen[$0.key] != nil }
        for (file, sight) in seen where state.files[file]?.sight != sight || bad.contains(file) {
            var entry = File(sight: sight, account: state.files[file]?.account)
            do throws(AccountStore.BadFile) {
                entry.account = try store.load(file: file)
            } catch {
                entry.problems = error.problems
                if error.closes == true { entry.account?.disabled = true }
            }
            state.files[file] = entry
        }
    }
}

extension AccountSnapshot {
    fileprivate func changes(from before: AccountSnapshot) -> [String] {
        Set(accounts.keys).union(before.accounts.keys).sorted().compactMap { name in
            switch (before.accounts[name], accounts[name]) {
            case (nil, let new?): new.disabled ? "+ \(name) (disabled)" : "+ \(name)"
            case (_?, nil): "- \(name)"
            case (let old?, let new?) where old != new:
                old.disabled == new.disabled
                    ? "~ \(name)" : "~ \(name) (\(new.disabled ? "disabled" : "enabled"))"
            default: nil
            }
        }
    }
}
