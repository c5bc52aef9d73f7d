// What sshd reads, under <state>/sshd: its configuration, the passwd and shadow files that libnss-wrapper
// shows it, and one file of keys an account. All of it is derived from settings and accounts.
import Accounts
import Files
import Glibc
import Settings
import Staging
import Subprocess

/// The directory of sshd's files and what goes into them.
struct SSHDFiles: Sendable {
    let tools: SSHDTools
    /// The configuration but for what the accounts decide.
    var configuration: SSHDConfiguration
    let layout: SSHDLayout
    /// The service's own user name; without libnss-wrapper it is the only name that can log in.
    let ownUser: String?

    /// The names of its files.
    private enum Name: String, CaseIterable {
        case configuration = "sshd_config"
        case passwd, group, shadow
    }

    private var directory: String { layout.directory }
    private func path(_ name: Name) -> String { "\(directory)/\(name.rawValue)" }
    var configurationPath: String { path(.configuration) }

    /// Which sshd enters as root before login, when it gives up its rights. The place is built into it.
    private static let separationDirectory = "/run/sshd"

    /// The environment of sshd, complete: nothing of the service's own goes to it.
    var environment: [Environment.Key: String] {
        var environment = SSHDTools.plainEnvironment
        guard let library = tools.nssWrapper else { return environment }
        environment["LD_PRELOAD"] = library
        environment["NSS_WRAPPER_PASSWD"] = path(.passwd)
        environment["NSS_WRAPPER_GROUP"] = path(.group)
        environment["NSS_WRAPPER_SHADOW"] = path(.shadow)
        return environment
    }

    /// Makes the directories. Everything in them is the service's alone.
    func prepare() throws(SSHDError) {
        try checkPaths()
        do throws(StagingError) {
            let folder = try Directory(path: directory, create: true)
            guard fchmod(folder.descriptor, 0o700) == 0 else {
                throw StagingError(errno: errno, "cannot make \(directory) private")
            }
            for path in [layout.keys, layout.home] {
                _ = try folder.subdirectory(Paths.lastComponent(of: path), create: true)
            }
        } catch {
            throw SSHDError(error)
        }
        try makeSeparationDirectory()
    }

    private func makeSeparationDirectory() throws(SSHDError) {
        let path = Self.separationDirectory
        guard configuration.isRoot, mkdir(path, 0o755) != 0, errno != EEXIST else { return }
        let error = SystemError.last
        throw SSHDError(
            error.isFull ? .busy : .failed,
            "cannot make \(path), which sshd needs when it runs as root: \(error)")
    }

    /// Whether sshd can be given the paths of all that it is to use.
    func checkPaths() throws(SSHDError) {
        try Self.check(directory: directory)
        let others = [configuration.socket, configuration.session, configuration.keys]
        for path in others + configuration.hostKeys { try Self.check(path) }
    }

    /// Of sshd's files: it is named in passwd(5), too, where a colon ends a field.
    static func check(directory: String) throws(SSHDError) {
        try check(directory)
        guard directory.contains(":") else { return }
        throw SSHDError(
            .badPath,
            "the path \(directory) has a colon, which sshd's list of users cannot hold; use another directory"
        )
    }

    private static func check(_ path: String) throws(SSHDError) {
        guard !SSHDConfiguration.isWritable(path: path) else { return }
        throw SSHDError(
            .badPath,
            "the path \(path) has a quote, a backslash or a control character, which sshd's configuration "
                + "cannot hold; use another directory")
    }

    /// Writes everything that depends on the accounts. Keys come first, so that no name is known before its
    /// keys are, and names that are gone lose theirs last.
    func write(_ accounts: AccountSnapshot) throws(StagingError) {
        let known = known(accounts)
        let folder = try Directory(path: directory)
        let keys = try folder.subdirectory(Paths.lastComponent(of: layout.keys))
        for account in known {
            let lines = account.keys.map { "restrict \($0)\n" }.joined()
            try write(lines, as: account.name, in: keys)
        }
        let users = passwdLines(known)
        try write(users.shadow, as: .shadow, in: folder)
        try write("dropgate:x:\(getgid()):\n", as: .group, in: folder)
        try write(users.passwd, as: .passwd, in: folder)
        var configuration = configuration
        configuration.takesPasswords = tools.nssWrapper != nil && known.contains { $0.passwordHash != nil }
        try write(configuration.text, as: .configuration, in: folder)
        let names = Set(known.map(\.name))
        for name in try keys.names() where !names.contains(name) { try keys.remove(name) }
    }

    /// A disabled account is known too: who shows its credential is told that it is disabled.
    private func known(_ accounts: AccountSnapshot) -> [Account] {
        accounts.sorted.filter { tools.nssWrapper != nil || $0.name == ownUser }
    }

    /// Whether what was written is still there, but for the keys of single accounts: there may be thousands, and each caller waits.
    var areThere: Bool {
        (Name.allCases.map(path) + [layout.home, layout.keys]).allSatisfy { !Presence.isGone($0) }
    }

    private func write(_ text: String, as name: Name, in directory: Directory) throws(StagingError) {
        try write(text, as: name.rawValue, in: directory)
    }

    /// Whole, and not durable: a start writes all files anew before it starts an sshd.
    private func write(_ text: String, as name: String, in directory: Directory) throws(StagingError) {
        try directory.place(Array(text.utf8), as: name, replacing: true, isDurable: false)
    }

    /// passwd(5) and shadow(5): every account has the service's own uid. `*` is a password that matches none
    /// and does not lock the account.
    private func passwdLines(_ accounts: [Account]) -> (passwd: String, shadow: String) {
        var passwd = ""
        var shadow = ""
        if let separation = Self.separationUser { passwd += separation }
        for account in accounts {
            passwd += "\(account.name):x:\(getuid()):\(getgid()):Dropgate account:\(layout.home):/bin/sh\n"
            shadow += "\(account.name):\(account.passwordHash?.text ?? "*"):::::::\n"
        }
        return (passwd, shadow)
    }

    /// The system's `sshd` user as a line of passwd(5): as root, sshd gives up its rights to it before login.
    private static var separationUser: String? {
        guard let user = getpwnam("sshd") else { return nil }
        return
            "sshd:x:\(user.pointee.pw_uid):\(user.pointee.pw_gid):sshd:\(separationDirectory):/usr/sbin/nologin\n"
    }

    /// Has sshd read the configuration, keys included, without serving.
    /// - Returns: what it lacks although it takes the configuration; nil: nothing.
    func check() async throws(SSHDError) -> String? {
        try await check(["-f", configurationPath], environment, "its configuration (\(configurationPath))")
    }

    /// As `check`, before anything is written: sshd takes each line of the configuration as an option, too.
    func rehearse() async throws(SSHDError) -> String? {
        try makeSeparationDirectory()
        let lines = configuration.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        var environment = SSHDTools.plainEnvironment
        environment["LD_PRELOAD"] = tools.nssWrapper
        let options = lines.flatMap { ["-o", String($0)] }
        return try await check(
            ["-f", "/dev/null"] + options, environment, "the configuration that the gate makes for it")
    }

    private func check(
        _ arguments: [String], _ environment: [Environment.Key: String], _ what: String
    ) async throws(SSHDError) -> String? {
        guard let sshd = tools.sshd else { throw Self.missing }
        // As -t, and says what it has read.
        let answer = try await SSHDTools.run(
            sshd, ["-T"] + arguments, environment: environment, within: .seconds(20))
        let lines = answer.errors.split(whereSeparator: \.isNewline).map(String.init)
        guard answer.isSuccess else {
            let why =
                lines.isEmpty
                ? "it ended with \(answer.ending) and said nothing" : lines.joined(separator: "; ")
            throw SSHDError(.refused, "sshd (\(sshd)) does not take \(what): \(why)")
        }
        let lack =
            lines.first { if case .unable = SSHDLogParser.parse($0) { true } else { false } }
            ?? Self.missingProgram(answer.output)
        return lack.map { "\(sshd) cannot do its work: \($0)" }
    }

    /// Of the programs that sshd starts for each caller since OpenSSH 9.8, one that this process could not start; nil: none, or the
    /// release has none.
    /// - Parameter configuration: as sshd says that it has read it (`sshd -T`).
    static func missingProgram(_ configuration: String) -> String? {
        for line in configuration.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2, ["sshdsessionpath", "sshdauthpath"].contains(words[0].lowercased()),
                access(String(words[1]), X_OK) != 0
            else { continue }
            return "\(words[1]), which it starts for each caller: \(SystemError.last)"
        }
        return nil
    }

    static let missing = SSHDError(
        .missing,
        "OpenSSH's sshd is not installed; install it (Debian: apt-get install openssh-server libnss-wrapper)")
}
