// Account files, the store that changes them, and the daemon's view of them.
import Admission
import Files
import Foundation
import Settings
import Support
import Synchronization
import Testing

@testable import Accounts

@Suite struct AccountFileTests {
    private func parse(_ text: String) throws -> Account {
        try AccountFile.parse(text, name: "acme", path: "/a/acme.yaml")
    }

    @Test("An account written and read again is the same account")
    func roundTrip() throws {
        let account = try Account(
            name: "acme",
            keys: [AuthorizedKey(SampleKeys.ed25519), AuthorizedKey(SampleKeys.rsa2048)],
            passwordHash: PasswordHash(password: "correct horse battery"), disabled: true,
            note: "Clinic \"north\": #1 – ok", created: Instant(rfc3339: "2026-11-23T08:15:30.123456Z"))
        #expect(try parse(AccountFile.text(account)) == account)
    }

    @Test("A collector written and read again is the same collector")
    func collectorRoundTrip() throws {
        let account = try Account(
            name: "acme", keys: [AuthorizedKey(SampleKeys.ed25519)],
            collects: CollectScope(accounts: ["vsee", "lab"], webhooks: true))
        #expect(try parse(AccountFile.text(account)) == account && account.role == .collector)
        #expect(try parse("role: sender\n").role == .sender)
        #expect(try parse("role: collector\ncollects_webhooks: true\n").collects?.accounts == [])
    }

    @Test("A collector's scope covers the accounts that it names, and webhooks when it says so")
    func scope() throws {
        let scope = try CollectScope(accounts: ["vsee"], webhooks: false)
        #expect(scope.covers("sftp/vsee/a/b.xml"))
        for path in [
            "sftp/vsee2/a.xml", "sftp/vse/a.xml", "sftp/vsee", "webhook/2026-11-23/a.json", "vsee/a", "",
        ] {
            #expect(!scope.covers(path))
        }
        #expect(try CollectScope(accounts: [], webhooks: true).covers("webhook/2026-11-23/a.json"))
    }

    @Test("A byte order mark is skipped")
    func byteOrderMark() throws {
        #expect(try parse("\u{FEFF}note: x\n").note == "x")
    }

    @Test("A file may leave out everything but its braces")
    func minimal() throws {
        let account = try parse("{}")
        #expect(account.keys.isEmpty && account.passwordHash == nil && !account.disabled)
    }

    @Test(
        "What a file must not say is a problem with its line",
        arguments: [
            ("keys: []\nkey: x\n", 2, "key: unknown key"),
            ("keys: ssh-ed25519\n", 1, "expected a list"),
            ("keys:\n  - \(SampleKeys.ed25519)\n  - \(AuthorizedKeyTests.rsa1024)\n", 3, "1024 bits"),
            ("disabled: yes\n", 1, "true or false"),
            (
                "keys: []\nnote: \"a\\u202eb\"\n", 2,
                "note: it must not be empty or contain control characters"
            ),
            ("created: monday\n", 1, "expected a time"),
            ("password_hash: secret\n", 1, "crypt(3)"),
            ("password_hash: \"$1$abcdefgh$ZBTwVAcGTgmZXlkAcm4pF0\"\n", 1, "crypt(3)"),
            ("password_hash: \"$y$j9T$a:0:0\"\n", 1, "crypt(3)"),
            ("note: \"a\\nb\"\n", 1, "one line"),
            ("- a\n", 1, "expected a mapping"),
            ("# keys: []\n# note: x\n", 0, "it is empty, or all of it is a comment"),
            ("", 0, "it is empty, or all of it is a comment"),
            ("role: admin\n", 1, "sender or collector"),
            ("role: collector\n", 1, "something to collect"),
            ("note: x\ncollects: [vsee]\n", 2, "only a collector collects"),
            ("role: sender\ncollects_webhooks: true\n", 2, "only a collector collects"),
            ("role: collector\ncollects: vsee\n", 2, "list of account names"),
            ("role: collector\ncollects: [webhook]\n", 2, "collects_webhooks"),
            ("role: collector\ncollects: [../x]\n", 2, "not an account name"),
        ])
    func problems(text: String, line: Int, message: String) {
        let error = #expect(throws: AccountStore.BadFile.self) { try parse(text) }
        let problem = error?.errors.problems.first
        #expect(
            problem?.description.contains(message) == true,
            "\(error.map(String.init(describing:)) ?? "taken")")
        guard case .file("/a/acme.yaml", line, _) = problem?.place else {
            Issue.record("not at line \(line): \(String(describing: problem))")
            return
        }
    }

    @Test("A secret in the place of an account's name is not quoted")
    func secretForName() {
        let secret = "Zk3vQ8p2/Lm9xTg4rB1nW=="
        let error = #expect(throws: AccountStore.BadFile.self) {
            try parse("role: collector\ncollects: [\"\(secret)\"]\n")
        }
        let said = error?.errors.description ?? ""
        #expect(said.contains("collects: a text of 23 characters is not an account name: write"), "\(said)")
        #expect(!said.contains(secret))
    }

    @Test("Text that is not YAML is a problem", arguments: ["keys: [", "a: b: c", "keys: []\nkeys: []\n"])
    func notYAML(text: String) {
        #expect(throws: AccountStore.BadFile.self) { try parse(text) }
    }

    @Test(
        "Names are those of Linux users",
        arguments: ["acme", "_a", "a.b-c_9", String(repeating: "a", count: 32)])
    func goodNames(name: String) throws {
        try Account.check(name: name)
    }

    @Test(
        "Other names are refused",
        arguments: [
            "", "Acme", "9a", "-a", ".a", "a b", "a/b", "..", "a:b", "a\nb", "é", "sshd",
            String(repeating: "a", count: 33),
        ])
    func badNames(name: String) {
        #expect(throws: AccountError.self) { try Account.check(name: name) }
    }

    @Test("A password's hash matches that password alone and prints nothing")
    func passwords() throws {
        let hash = try PasswordHash(password: "correct horse battery")
        #expect(hash.matches("correct horse battery"))
        #expect(!hash.matches("correct horse batterz"))
        #expect(!"\(hash)".contains("$"))
        #expect(try PasswordHash(hash: hash.text) == hash)
    }

    @Test(
        "Short, long and unprintable passwords are refused", arguments: ["short", "with\ncontrol-char", ""])
    func badPasswords(password: String) {
        #expect(throws: AccountError.self) { try PasswordHash(password: password) }
    }
}

@Suite struct AccountStoreTests {
    private let directory: TemporaryDirectory
    private let store: AccountStore

    init() throws {
        directory = try TemporaryDirectory("accounts")
        store = AccountStore(directory: directory.file("accounts"))
    }

    private func account(_ name: String) throws -> Account {
        try Account(name: name, keys: [AuthorizedKey(SampleKeys.ed25519)])
    }

    @Test("Accounts are added once, disabled, enabled and removed")
    func lifecycle() throws {
        try store.add(account("acme"))
        let again = #expect(throws: AccountError.self) { try store.add(account("acme")) }
        #expect(again?.code == .exists)
        #expect(try store.setDisabled(true, name: "acme").disabled)
        #expect(try store.load(name: "acme").disabled)
        try store.setDisabled(false, name: "acme")
        #expect(try store.load().accounts["acme"]?.disabled == false)
        try store.remove(name: "acme")
        #expect(try store.load().accounts.isEmpty)
        let gone = #expect(throws: AccountError.self) { try store.remove(name: "acme") }
        #expect(gone?.code == .notFound)
    }

    @Test("Files are private and no temporary file stays")
    func privacy() throws {
        try store.add(account("acme"))
        let attributes = try FileManager.default.attributesOfItem(atPath: store.path(of: "acme"))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory) == ["acme.yaml"])
    }

    @Test("A bad file spoils only itself")
    func badFile() throws {
        try store.add(account("acme"))
        try Data("disabled: maybe\n".utf8).write(to: URL(filePath: store.path(of: "bad")))
        try Data("{}".utf8).write(to: URL(filePath: store.directory + "/Not-A-Name.yaml"))
        try Data("{}".utf8).write(to: URL(filePath: store.directory + "/other.yml"))
        try Data("{}".utf8).write(to: URL(filePath: store.directory + "/README.md"))
        try store.checkDirectory()
        let listing = try store.load()
        #expect(Array(listing.accounts.keys) == ["acme"])
        #expect(listing.badFiles.keys.sorted() == ["Not-A-Name.yaml", "bad.yaml", "other.yml"])
    }

    @Test(
        "A file that may not be read is told with what lets this process in",
        .enabled(if: geteuid() != 0, "root may read everything"))
    func denied() throws {
        try store.add(account("acme"))
        try store.add(account("other"))
        let path = store.path(of: "acme")
        try #require(chmod(path, 0) == 0)
        let file = try #require(try store.load().badFiles["acme.yaml"])
        #expect(file.isDenied && !file.isAbsent && file.closes == nil)
        #expect(file.errors.description.contains("may not read it: chmod u+rwX \(path)"), "\(file.errors)")
        let error = #expect(throws: AccountError.self) { try store.load(name: "acme") }
        #expect(error?.code == .badFile && error?.message.contains("permission denied: ") == true)
    }

    @Test("Where the directory is a link to nothing, or a file, nobody knows that there is no such account")
    func obstructed() throws {
        try store.add(account("acme"))
        try FileManager.default.moveItem(atPath: store.directory, toPath: directory.file("away"))
        func check(_ words: String) throws {
            let uses: [() throws -> Void] = [
                { _ = try store.load() }, { try store.checkDirectory() },
                { _ = try store.load(name: "acme") },
                { try store.remove(name: "acme") }, { _ = try store.setDisabled(true, name: "acme") },
                { try store.add(account("new")) },
            ]
            for use in uses {
                let error = #expect(throws: AccountError.self) { try use() }
                #expect(error?.code == .unusable && error?.message.contains(words) == true)
            }
        }
        try FileManager.default.createSymbolicLink(
            atPath: store.directory, withDestinationPath: directory.file("nowhere"))
        try check("is a symbolic link to \(directory.file("nowhere")), and nothing is there")
        try FileManager.default.removeItem(atPath: store.directory)
        try Data("x".utf8).write(to: URL(filePath: store.directory))
        try check("cannot open the directory \(store.directory)")
        try FileManager.default.removeItem(atPath: store.directory)
        // Not there yet.
        let error = #expect(throws: AccountError.self) { try store.load(name: "acme") }
        #expect(error?.code == .notFound)
    }

    @Test("A file that everybody may write is refused")
    func worldWritable() throws {
        try store.add(account("acme"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o606], ofItemAtPath: store.path(of: "acme"))
        #expect(try store.load().badFiles["acme.yaml"]?.errors.description.contains("chmod o-w") == true)
    }
}

@Suite struct AccountCacheTests {
    private final class Events: Sendable {
        let reports = Mutex<[AccountReport]>([])
        let handed = Mutex<[[String]]>([])
        let fails = Mutex(false)
        let now = Mutex(ContinuousClock.now)
    }
    private struct HandOverFailed: Error {}

    private let directory: TemporaryDirectory
    private let store: AccountStore
    private let events = Events()
    private let book: AccountCache

    init() throws {
        directory = try TemporaryDirectory("book")
        store = AccountStore(directory: directory.file("accounts"))
        let events = events
        book = AccountCache(
            store: store,
            handOver: { snapshot in
                if events.fails.withLock({ $0 }) { throw HandOverFailed() }
                events.handed.withLock { $0.append(snapshot.sorted.map(\.name)) }
            }, report: { report in events.reports.withLock { $0.append(report) } },
            clock: { events.now.withLock { $0 } })
        try store.add(Account(name: "acme", keys: [AuthorizedKey(SampleKeys.ed25519)]))
    }

    private var lastReport: AccountReport? { events.reports.withLock { $0.last } }

    /// After it the directory is trusted no longer without a look, and bad files are read again.
    private func passASecond() { events.now.withLock { $0 += .seconds(1) } }

    @Test("Accounts are handed over once, and again only when a file has changed")
    func handsOverChanges() throws {
        #expect(book.current().sorted.map(\.name) == ["acme"])
        _ = book.current()
        #expect(events.handed.withLock { $0 } == [["acme"]])
        try store.setDisabled(true, name: "acme")
        guard case .disabled = book.current().standing(of: "acme") else {
            Issue.record("still active")
            return
        }
        #expect(events.handed.withLock { $0 } == [["acme"], ["acme"]])
        #expect(lastReport?.changes == ["~ acme (disabled)"] && lastReport?.problems == [])
        #expect(lastReport?.files.map(\.path) == [store.path(of: "acme")])
    }

    @Test("A file that is still being written says nothing yet; what it said before stands")
    func waitsForTheWriter() throws {
        try store.setDisabled(true, name: "acme")
        _ = book.current()
        let whole = try Data(contentsOf: URL(filePath: store.path(of: "acme")))
        let writer = try FileHandle(forWritingTo: URL(filePath: store.path(of: "acme")))
        let line = try #require(whole.range(of: Data("disabled".utf8)))
        try writer.truncate(atOffset: UInt64(line.lowerBound))
        let added = store.directory + "/later.yaml"
        let other = open(added, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(other >= 0 && write(other, "keys: []\n", 9) == 9)
        guard case .disabled = book.current().standing(of: "acme") else {
            Issue.record("opened by half a file")
            return
        }
        #expect(book.current().sorted.map(\.name) == ["acme"])
        try writer.seekToEnd()
        try writer.write(contentsOf: whole[line.lowerBound...])
        try writer.close()
        close(other)
        #expect(book.current().sorted.map(\.name) == ["acme", "later"])
        guard case .disabled = book.current().standing(of: "acme") else {
            Issue.record("opened")
            return
        }
    }

    @Test("A bad file that is still being written is not read before it is whole")
    func waitsForTheWriterOfABadFile() throws {
        _ = book.current()
        try put("disabled: true\nkeys: x\n")
        #expect(isClosed)
        let writer = try FileHandle(forWritingTo: URL(filePath: store.path(of: "acme")))
        try writer.truncate(atOffset: 0)
        try writer.write(contentsOf: Data("keys: []\n".utf8))
        passASecond()
        #expect(isClosed, "half a file opens nothing")
        try writer.write(contentsOf: Data("disabled: true\n".utf8))
        try writer.close()
        #expect(isClosed && lastReport?.problems == [])
    }

    @Test("A bad file is read again once a second, and that hands nothing over")
    func readsABadFileOnceASecond() throws {
        let (file, place) = try linked()
        try Data("keys: x\n".utf8).write(to: URL(filePath: file))
        _ = book.current()
        try setMode(0o777, place)
        _ = book.current()
        #expect(lastReport?.problems.first?.contains("expected a list") == true, "not read again")
        passASecond()
        _ = book.current()
        #expect(lastReport?.problems.first?.contains("chmod o-w \(place)") == true, "read again")
        #expect(events.handed.withLock { $0.count } == 1)
    }

    @Test("A file that has become bad keeps its last good account and is reported until it is mended")
    func keepsLastGood() throws {
        _ = book.current()
        let good = try Data(contentsOf: URL(filePath: store.path(of: "acme")))
        try Data("keys: x\n".utf8).write(to: URL(filePath: store.path(of: "acme")))
        #expect(book.current().sorted.map(\.name) == ["acme"])
        #expect(lastReport?.problems.count == 1)
        passASecond()
        _ = book.current()
        #expect(events.reports.withLock { $0.count } == 2, "told once")
        #expect(events.handed.withLock { $0.count } == 1)
        try good.write(to: URL(filePath: store.path(of: "acme")))
        _ = book.current()
        #expect(lastReport?.changes == [] && lastReport?.problems == [])
    }

    private func put(_ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: store.path(of: "acme")))
    }

    private var isClosed: Bool {
        if case .disabled = book.current().standing(of: "acme") { true } else { false }
    }

    @Test(
        "A bad file that is to close its account does so at once, and no bad one opens it again",
        arguments: [
            "disabled: yes\n", "disabled:\n", "disabled: true\nkeys: x\n", "disable: true\n",
            "{disabled: [true]}", "keys: []\ndisabled:true\n", "keys: []\ndisabled=true\n",
            "disabled: false\ndisabled: true\n",
        ])
    func closesByABadFile(text: String) throws {
        _ = book.current()
        try put(text)
        #expect(isClosed)
        #expect(lastReport?.changes == ["~ acme (disabled)"])
        #expect(lastReport?.problems.filter { $0.contains("meanwhile nobody can log in") }.count == 1)
        try put("disabled: false\nkeys: x\n")
        #expect(isClosed)
        try put("keys: [\"\(SampleKeys.ed25519)\"]\n")
        #expect(!isClosed && lastReport?.changes == ["~ acme (enabled)"] && lastReport?.problems == [])
    }

    @Test(
        "A bad file that does not speak of closing its account leaves it open",
        arguments: [
            "keys: x\n", "disabled: false\nkeys: x\n", "disabled: false # not now\nkeys: [\n",
            "# disabled: true\n[", "disabled: false\n#disabled: true\n[", "#disabled by ticket 7\n[",
            " \t#disabled: true\n[", "",
        ])
    func staysOpenByABadFile(text: String) throws {
        _ = book.current()
        try put(text)
        #expect(!isClosed && lastReport?.problems.isEmpty == false)
        #expect(lastReport?.problems.contains { $0.contains("nobody can log in") } == false)
    }

    @Test(
        "A bad file that is to close its account does so in whatever encoding an editor has written it",
        arguments: [String.Encoding.isoLatin1, .utf16, .utf16BigEndian, .utf32])
    func closesByAFileOfAnotherEncoding(encoding: String.Encoding) throws {
        _ = book.current()
        let text = try #require("disabled: true\nnote: Süd\n".data(using: encoding))
        try text.write(to: URL(filePath: store.path(of: "acme")))
        #expect(isClosed && lastReport?.problems.first?.contains("not UTF-8 text") == true)
    }

    @Test(
        "Where everybody can read the hash of its password, a disabled account is closed, and another one stays as it was",
        arguments: [true, false])
    func closesByAnExposedFile(disabled: Bool) throws {
        let hash = try PasswordHash(password: "correct horse battery").text
        _ = book.current()
        try put("password_hash: \"\(hash)\"\ndisabled: \(disabled)\n")
        try setMode(0o644, store.path(of: "acme"))
        #expect(isClosed == disabled && lastReport?.problems.first?.contains("chmod 600") == true)
    }

    @Test("To disable an account whose file is bad is refused, with what to write into it")
    func disablesNoBadFile() throws {
        try put("keys: x\n")
        let error = #expect(throws: AccountError.self) { try store.setDisabled(true, name: "acme") }
        #expect(error?.code == .badFile)
        #expect(error?.problems.last?.message.contains("`disabled: true`") == true)
        try put("disabled: yes\n")
        let closed = #expect(throws: AccountError.self) { try store.setDisabled(true, name: "acme") }
        #expect(closed?.description.contains("meanwhile nobody can log in") == true)
    }

    /// The account's file is a link to one in a directory of its own.
    private func linked() throws -> (file: String, directory: String) {
        let place = directory.file("cfg")
        try FileManager.default.createDirectory(
            atPath: place, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        let (file, name) = (place + "/acme", store.path(of: "acme"))
        try FileManager.default.moveItem(atPath: name, toPath: file)
        try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: file)
        return (file, place)
    }

    private func setMode(_ mode: Int, _ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test("A problem that lies outside of the file ends within a second after that is mended")
    func mendedOutside() throws {
        let place = try linked().directory
        try setMode(0o777, place)
        #expect(book.current().accounts.isEmpty)
        #expect(lastReport?.problems.first?.contains("chmod o-w \(place)") == true)
        passASecond()
        _ = book.current()
        #expect(events.reports.withLock { $0.count } == 1, "told once")
        try setMode(0o755, place)
        passASecond()
        #expect(book.current().sorted.map(\.name) == ["acme"])
        #expect(lastReport?.changes == ["+ acme"] && lastReport?.problems == [])
    }

    @Test("An account whose file cannot be looked at keeps what it was, and only one that is gone is removed")
    func hidden() throws {
        let (file, _) = try linked()
        #expect(book.current().sorted.map(\.name) == ["acme"])
        let away = directory.file("away")
        try FileManager.default.moveItem(atPath: file, toPath: away)
        // A link to itself leads nowhere, and nobody can say that nothing is there.
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: file)
        #expect(book.current().sorted.map(\.name) == ["acme"])
        #expect(lastReport?.changes == [] && lastReport?.problems.count == 1)
        try FileManager.default.removeItem(atPath: file)
        #expect(book.current().accounts.isEmpty)
        #expect(lastReport?.changes == ["- acme"] && lastReport?.problems == [])
        try FileManager.default.moveItem(atPath: away, toPath: file)
        #expect(book.current().sorted.map(\.name) == ["acme"])
        #expect(lastReport?.changes == ["+ acme"] && lastReport?.problems == [])
        try FileManager.default.removeItem(atPath: store.path(of: "acme"))
        #expect(book.current().accounts.isEmpty && lastReport?.changes == ["- acme"])
    }

    @Test("A file that was never good opens nothing")
    func neverGood() throws {
        try Data("keys: x\n".utf8).write(to: URL(filePath: store.path(of: "bad")))
        #expect(book.current().sorted.map(\.name) == ["acme"])
    }

    @Test("When the files of sshd cannot be written it is reported and tried again")
    func retriesHandOver() throws {
        events.fails.withLock { $0 = true }
        _ = book.current()
        #expect(lastReport?.problems.count == 1)
        events.fails.withLock { $0 = false }
        _ = book.current()
        #expect(events.handed.withLock { $0 } == [["acme"]])
        #expect(lastReport?.problems.isEmpty == true)
    }

    @Test(
        "That everybody can write what leads to the directory is reported within a second, though nothing in it has changed"
    )
    func openParentInTime() throws {
        _ = book.current()
        let parent = Paths.directory(of: store.directory)
        try setMode(0o777, parent)
        passASecond()
        #expect(book.current().sorted.map(\.name) == ["acme"])
        #expect(lastReport?.problems.first?.contains("chmod o-w \(parent)") == true)
        try setMode(0o700, parent)
        _ = book.current()
        #expect(lastReport?.problems == [], "what is not trusted is looked at each time")
    }

    @Test("Where everybody can write what leads to the directory, it is not believed to be gone either")
    func openParent() throws {
        _ = book.current()
        let parent = Paths.directory(of: store.directory)
        try setMode(0o777, parent)
        try FileManager.default.moveItem(atPath: store.directory, toPath: parent + "/away")
        #expect(book.current().sorted.map(\.name) == ["acme"])
        #expect(lastReport?.problems.first?.contains("chmod o-w \(parent)") == true)
        try setMode(0o700, parent)
        #expect(book.current().accounts.isEmpty, "whoever may take it away has done so")
    }

    @Test("While everybody can write the directory, nothing new in it is believed, and that is reported")
    func openDirectory() throws {
        _ = book.current()
        try setMode(0o777, store.directory)
        try store.add(Account(name: "planted", keys: [AuthorizedKey(SampleKeys.ed25519)]))
        #expect(book.current().sorted.map(\.name) == ["acme"])
        #expect(lastReport?.problems.count == 1)
        #expect(lastReport?.problems.first?.contains("chmod o-w \(store.directory)") == true)
        try setMode(0o700, store.directory)
        #expect(book.current().sorted.map(\.name) == ["acme", "planted"])
        #expect(lastReport?.changes == ["+ planted"] && lastReport?.problems == [])
        #expect(lastReport?.files.first?.state?.owner == geteuid())
    }

    @Test("A removed directory holds no accounts")
    func removedDirectory() throws {
        _ = book.current()
        try FileManager.default.removeItem(atPath: store.directory)
        #expect(book.current().accounts.isEmpty)
        #expect(lastReport?.changes == ["- acme"])
        #expect(lastReport?.problems.count == 1)
    }
}
