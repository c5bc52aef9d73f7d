// Checks of what a gate works with: settings as `serve` takes them, accounts, OpenSSH, and what waits in quarantine.
import Accounts
import Admission
import JSON
import Ledger
import Reachability
import SFTPReceiver
import Settings
import Staging
import TLS

struct GateCheck {
    let settings: GateSettings
    private let ledger: (any LedgerReading)?

    init(_ facts: GateFacts) {
        settings = facts.settings
        ledger = facts.reader
    }

    // MARK: Staging

    /// Whether the staging directory is the one of this ledger. Not for a start, which asks by itself: its service is to be started
    /// again once the directory is mounted.
    func staging() -> [Finding] {
        do {
            try StagingMark.check(
                settings.staging.path,
                known: StagingMark.known(inLedgerDirectory: settings.ledgerHandle.directory)
            ) { try ledger?.drops(limit: 1).isEmpty ?? true }
            return []
        } catch let error as StagingError where error.needsMending {
            // The one directory in staging that it opens.
            let receipts = "\(settings.staging.path)/\(StagingLayout.receipts)"
            let isItsMatter = error.code == .obstructed && StagingError.obstacle(at: receipts) != nil
            return [
                .fatal(
                    "filesystem", error.message, fix: error.fix ?? Finding.mend,
                    cause: isItsMatter ? receipts : nil)
            ]
        } catch {
            return [
                .fatal(
                    "filesystem", "\(error)",
                    fix:
                        "mount it; if it is lost, troubleshooting.md says what to do (another staging directory)"
                )
            ]
        }
    }

    // MARK: Settings

    /// What `serve` would say, and the settings as far as they can be read. Throws when they cannot.
    static func load(_ file: String) throws -> (settings: GateSettings, findings: [Finding]) {
        do {
            let settings = try SettingsLoader.load(file: file)
            return (settings, [Finding("configuration", .ok, "\(file) is good")])
        } catch {
            // What cannot be read at all is told with everything else that is wrong.
            guard let settings = try? SettingsLoader.load(file: file, namedFiles: .ignored) else {
                throw error
            }
            return (
                settings,
                error.problems.map {
                    Finding("configuration", .fail, "\($0)", fix: Finding.mend)
                }
            )
        }
    }

    func accounts() -> [Finding] {
        guard settings.sftp != nil else { return [] }
        do throws(AccountError) {
            let listing = try AccountStore(directory: settings.accounts).load()
            var findings = listing.badFiles.sorted { $0.key < $1.key }.flatMap { Self.findings($0.value) }
            let active = listing.accounts.values.filter { !$0.disabled }.count
            findings.append(
                active > 0
                    ? Finding("accounts", .ok, "enabled accounts: \(active) of \(listing.accounts.count)")
                    : Finding(
                        "accounts", .warn, "no account is enabled: nobody can log in by SFTP",
                        fix: "dropgate account add vsee --key vsee.pub"))
            return findings
        } catch {
            return [closed(error)]
        }
    }

    /// What a start says of the directory of accounts, without which it goes on: nobody may have made it yet.
    func accountDirectory() -> [Finding] {
        guard settings.sftp != nil else { return [] }
        do throws(AccountError) { try AccountStore(directory: settings.accounts).checkDirectory() } catch {
            return [closed(error)].filter { $0.state == .fail }
        }
        return []
    }

    /// Of a directory of accounts that is not there or cannot be looked at.
    private func closed(_ error: AccountError) -> Finding {
        guard error.code == .notFound else {
            return Finding(
                "accounts", .fail, "the accounts cannot be checked: \(error)",
                fix: error.code == .unusable ? Finding.mend : "run this as the gate's own user")
        }
        guard hadAccounts() else {
            return Finding(
                "accounts", .warn, "\(error)", fix: "dropgate account add vsee --key vsee.pub makes the first"
            )
        }
        return Finding(
            "accounts", .fail,
            "the directory of the accounts, \(settings.accounts), is gone, with its accounts: nobody can log in by SFTP",
            fix: "put it back with its files; the gate picks them up by itself")
    }

    /// Whether there ever was one: a sender leaves a directory in staging, and at each start the gate records which accounts it has
    /// found. Such entries have an index. Logins have none: where there is none all of the ledger would be read.
    private func hadAccounts() -> Bool {
        if StagingLinkCheck.hasSenders(settings.staging.path) { return true }
        var query = LedgerQuery()
        query.kinds = [.policy]
        query.channels = [.sftp]
        query.verdicts = [.accepted]
        query.sealed = false
        query.order = .newestFirst
        query.limit = 1
        guard let ledger else { return false }
        return (try? ledger.entries(query).isEmpty) == false
    }

    private static func findings(_ file: AccountStore.BadFile) -> [Finding] {
        let fix =
            if file.isAbsent {
                "put back what the link leads to, or remove the link; until then there is no such account"
            } else if file.closes == true {
                "fix the file; until then nobody can log in to the account"
            } else {
                "\(file.isDenied ? "let the gate read the file" : "fix the file"); a running gate keeps using what it read before, "
                    + "but after a restart there is no such account"
            }
        return file.errors.problems.map { Finding("accounts", .fail, "\($0)", fix: fix) }
    }

    // MARK: OpenSSH

    /// What is installed, with the versions.
    func openSSH() async -> [Finding] {
        guard settings.sftp != nil else { return [] }
        let tools = SSHDTools.find()
        async let version = tools.version()
        async let session = session(tools)
        async let wrapper = tools.wrapperVersion()
        async let rehearsed = rehearsedOpenSSH()
        var findings: [Finding] = []
        if let sshd = tools.sshd {
            findings.append(Self.version(await version, of: sshd))
        } else {
            findings.append(Self.noSSHD)
        }
        findings += await rehearsed
        findings.append(await session)
        if let library = tools.nssWrapper {
            findings.append(Finding("openssh", .ok, "libnss-wrapper is \(await wrapper ?? library)"))
        } else {
            findings.append(
                Finding(
                    "openssh", .warn,
                    "libnss-wrapper is not installed: only the gate's own user name can log in",
                    fix: Self.install))
        }
        return findings
    }

    private static func version(_ version: String?, of sshd: String) -> Finding {
        guard let version else {
            return Finding(
                "openssh", .warn, "\(sshd) does not say which version it is: it may not be OpenSSH's",
                fix: "`\(sshd) -V` shows what it is; apt-get install --reinstall openssh-server")
        }
        return Finding("openssh", .ok, "\(sshd) is \(version)")
    }

    /// Whether sshd takes the configuration that a start makes for it.
    func rehearsedOpenSSH() async -> [Finding] {
        guard let sftp = SFTPReceiver.Configuration(settings), sftp.tools.sshd != nil else { return [] }
        do throws(SSHDError) {
            // One that cannot be made has a check of its own.
            guard (try? sftp.checkPaths()) != nil, let lack = try await sftp.rehearse() else { return [] }
            return [Finding("openssh", .fail, "no login by SFTP is possible: \(lack)", fix: Self.reinstall)]
        } catch {
            return [Self.finding(error)]
        }
    }

    /// What a start needs. It does not ask for versions: to ask dpkg takes longer than all else.
    func neededOpenSSH() async -> [Finding] {
        guard settings.sftp != nil else { return [] }
        let tools = SSHDTools.find()
        return (tools.sshd == nil ? [Self.noSSHD] : []) + [await session(tools)]
    }

    private func session(_ tools: SSHDTools) async -> Finding {
        do throws(SSHDError) {
            return Finding(
                "openssh", .ok, "\(try await tools.checkSession()), of this program, has the same release")
        } catch {
            return Self.finding(error)
        }
    }

    /// A program that could not be started for want of processes, or did not end, may do so later.
    private static func finding(_ error: SSHDError) -> Finding {
        var finding = Finding.fatal("openssh", "\(error)", fix: Finding.mend)
        if error.code == .busy { finding.start = .isPutOff }
        return finding
    }

    private static let reinstall = "apt-get install --reinstall openssh-server libnss-wrapper"
    private static let install = "apt-get install openssh-server libnss-wrapper"
    private static let noSSHD = Finding.fatal("openssh", "sshd is not installed: no SFTP", fix: install)

    // MARK: Quarantine

    /// Events of unlisted sources that wait for a decision, and those of which nobody would hear.
    func held() -> [Finding] {
        do {
            guard try settings.mayHoldEvents() else { return [] }
            let staging = try StagingArea(lookingInto: settings.staging.path)
            return Self.damaged(try staging.damagedEvents(), settings)
                + Self.waiting(try staging.quarantinedEvents())
        } catch {
            return [
                Finding(
                    "quarantine", .warn, "what is held cannot be checked: \(error)",
                    fix: (error as? StagingError)?.fix == nil
                        ? "run this as the gate's own user" : Finding.mend)
            ]
        }
    }

    private static func waiting(_ receipts: [Receipt]) -> [Finding] {
        guard !receipts.isEmpty else { return [] }
        let sources = Set(receipts.compactMap(\.source)).sorted().prefix(5).joined(separator: ", ")
        return [
            Finding(
                "quarantine", .warn,
                "\(Counted.text(receipts.count, "event", "events")) in VSee's format held, from \(sources): "
                    + "VSee's address may have changed",
                fix:
                    "ask VSee; if the address is theirs: dropgate source add, dropgate drops list --held, dropgate drops release"
            )
        ]
    }

    private static func damaged(_ drops: [String], _ settings: GateSettings) -> [Finding] {
        drops.map { drop in
            let receipt = "\(settings.staging.path)/\(StagingLayout.heldReceipt(drop))"
            return Finding(
                "quarantine", .fail,
                "\(receipt) cannot be read: the event is kept, but it is not listed and cannot be released",
                fix: "put the file back from a backup, or remove its directory; `dropgate attempts --drop "
                    + "\(drop)` has what the ledger knows of it")
        }
    }
}
