// Tokens of the console: what is kept of them, whose they are, and until when.
import Admission
import Foundation
import JSON
import Settings
import Synchronization
import TLS
import Testing

@testable import Management

@Suite struct TokenTests {
    private static let created = Instant(microseconds: 1_795_000_000_000_000)

    private func make(
        _ name: String = "ehr", _ role: TokenRole = .consumer, expires: Instant? = nil, note: String? = nil
    ) throws -> (token: ConsoleToken, secret: String) {
        try ConsoleToken.make(name, role, created: Self.created, expires: expires, note: note)
    }

    private func book(
        _ gate: TestGate, now: Instant = created, report: @escaping @Sendable ([String]) -> Void = { _ in }
    ) -> TokenBook {
        TokenBook(
            directory: gate.path("tokens"), own: Secret(Array("own".utf8)), clock: { now }, report: report)
    }

    // MARK: What is kept

    @Test func aTokenIsReadAsItWasWrittenAndHoldsNoSecret() throws {
        let made = try make(expires: Self.created + .seconds(1), note: "EHR, “team A”")
        let text = String(decoding: made.token.encoded, as: UTF8.self)
        #expect(made.secret.hasPrefix("dgt_") && made.secret.utf8.count == 68)
        #expect(!text.contains(made.secret.dropFirst(4)))
        #expect(text.contains(SHA256.hash(data: Array(made.secret.utf8)).hex))
        #expect(try ConsoleToken(parsing: made.token.encoded, name: "ehr") == made.token)
        #expect(try make().secret != made.secret)
    }

    @Test(arguments: [
        "", "[]", "{", "{}", "null",
        #"{"created":"2026-11-23T08:00:00Z","format":1,"name":"ehr","role":"consumer"}"#,
    ])
    func whatIsNoTokenIsRefused(_ text: String) {
        #expect(throws: ManagementError.self) { try ConsoleToken(parsing: Array(text.utf8), name: "ehr") }
    }

    /// Each member by itself, made into what it may not be.
    @Test(arguments: [
        ("format", #"2"#), ("format", #""1""#), ("name", #""other""#), ("role", #""root""#), ("role", "1"),
        ("sha256", #""00""#), ("sha256", #""\#(String(repeating: "A", count: 64))""#),
        ("created", #""yesterday""#),
        ("expires", #"1"#), ("expires", #""never""#), ("note", "1"), ("more", #""x""#),
    ])
    func eachMemberIsReadStrictly(_ name: String, _ value: String) throws {
        var members = try #require(JSONValue(parsing: make().token.encoded).object)
        members[name] = try JSONValue(parsing: Array(value.utf8))
        let text = CanonicalJSON.encode(.object(members))
        #expect(throws: ManagementError.self) { try ConsoleToken(parsing: text, name: "ehr") }
    }

    @Test(arguments: [
        ("a", true), ("ehr-2.import_x", true), ("9", true), (String(repeating: "a", count: 32), true),
        (String(repeating: "a", count: 33), false), ("", false), (".", false), ("..", false), ("-x", false),
        ("a/b", false),
        ("a b", false), ("ä", false), ("a\u{0}", false),
    ])
    func namesAreThoseOfFiles(_ name: String, _ isGood: Bool) {
        #expect(((try? make(name)) != nil) == isGood)
    }

    @Test func aTokenThatHasExpiredIsNotMade() {
        #expect(throws: ManagementError.self) { try make(expires: Self.created) }
        #expect(throws: ManagementError.self) { try make(note: "a\nb") }
    }

    @Test func rolesMayWhatTheirWorkNeeds() {
        let may = Dictionary(
            uniqueKeysWithValues: TokenRole.allCases.map { role in
                (role, Set(Permission.allCases.filter(role.may)))
            })
        let looks: Set<Permission> = [.status, .readAttempts, .readSources, .readAccounts, .readDrops]
        #expect(may[.viewer] == looks)
        #expect(may[.auditor] == looks.union([.export, .verify]))
        // What drops hold is not among it.
        #expect(
            may[.operator]
                == looks.union([
                    .export, .verify, .acknowledge, .releaseHeld, .withdraw, .changeSources, .probe,
                ]))
        #expect(may[.consumer] == [.readDrops, .readContent, .acknowledge])
    }

    // MARK: Whose they are

    @Test func aTokenIsGoodFromItsMakingToItsRevocation() throws {
        let gate = try TestGate()
        let store = TokenStore(directory: gate.path("tokens"))
        let book = book(gate)
        let made = try make()
        #expect(book.holder(of: Array(made.secret.utf8)) == nil)
        try store.add(made.token)
        #expect(book.holder(of: Array(made.secret.utf8)) == .init(name: "ehr", role: .consumer))
        #expect(book.holder(of: Array(made.secret.dropLast().utf8)) == nil)
        #expect(book.holder(of: Array(made.token.sha256.utf8)) == nil, "the digest is no token")
        #expect(try gate.mode("tokens") == 0o700 && gate.mode("tokens/ehr.json") == 0o600)
        #expect(throws: ManagementError.self) { try store.add(make().token) }
        #expect(try store.remove("ehr"))
        #expect(book.holder(of: Array(made.secret.utf8)) == nil)
        #expect(try !store.remove("ehr"))
    }

    /// The secret of each of the others would be good for nothing.
    @Test func ofTokensOfOneNameThatAreMadeAtOnceOneIsMade() async throws {
        let gate = try TestGate()
        let store = TokenStore(directory: gate.path("tokens"))
        try store.add(make("first").token)
        let made = try (0..<8).map { _ in try make() }
        let added = await withTaskGroup(of: String?.self) { group in
            for one in made {
                group.addTask {
                    do {
                        try store.add(one.token)
                        return one.secret
                    } catch {
                        return nil
                    }
                }
            }
            return await group.reduce(into: [String]()) { added, secret in
                if let secret { added.append(secret) }
            }
        }
        #expect(added.count == 1)
        #expect(book(gate).holder(of: Array(added.joined().utf8))?.name == "ehr")
    }

    @Test func theTokenOfTheSettingsIsAnOperators() throws {
        let book = book(try TestGate())
        #expect(book.holder(of: Array("own".utf8))?.role == .operator)
        #expect(book.holder(of: []) == nil && book.holder(of: Array("Own".utf8)) == nil)
    }

    @Test func aTokenIsGoodUntilTheMomentAtWhichItExpires() throws {
        let gate = try TestGate()
        let end = Self.created + .seconds(60)
        let made = try make(expires: end)
        try TokenStore(directory: gate.path("tokens")).add(made.token)
        let last = Instant(microseconds: end.microseconds - 1)
        #expect(book(gate, now: last).holder(of: Array(made.secret.utf8)) != nil)
        #expect(book(gate, now: end).holder(of: Array(made.secret.utf8)) == nil)
    }

    @Test func aDamagedFileSpoilsItselfAloneAndIsToldOfOnce() throws {
        let gate = try TestGate()
        let told = Mutex<[[String]]>([])
        let book = book(gate) { problems in told.withLock { $0.append(problems) } }
        let made = try make()
        try TokenStore(directory: gate.path("tokens")).add(made.token)
        try gate.write("tokens/bad.json", "{}")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: gate.path("tokens/bad.json"))
        for _ in 0..<3 { #expect(book.holder(of: Array(made.secret.utf8)) != nil) }
        #expect(told.withLock { $0.count } == 1 && told.withLock { $0[0][0].contains("bad.json") })
        try FileManager.default.removeItem(atPath: gate.path("tokens/bad.json"))
        #expect(book.holder(of: Array(made.secret.utf8)) != nil)
        #expect(told.withLock { $0 }.last == [])
    }

    /// A link whose way there others may write, or which leads nowhere for a while: nothing of that shows at the link.
    @Test func whatWasWrongElsewhereIsOverWithTheNextQuestion() throws {
        let gate = try TestGate()
        let told = Mutex<[[String]]>([])
        let book = book(gate) { problems in told.withLock { $0.append(problems) } }
        let made = try make()
        try TokenStore(directory: gate.path("tokens")).add(made.token)
        let elsewhere = gate.path("elsewhere")
        func mode(_ mode: Int) throws {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: elsewhere)
        }
        try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: false)
        try mode(0o777)
        let (file, link) = (elsewhere + "/ehr.json", gate.path("tokens/ehr.json"))
        try FileManager.default.moveItem(atPath: link, toPath: file)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
        let isGood = { book.holder(of: Array(made.secret.utf8)) != nil }
        #expect(!isGood() && told.withLock { $0.last?.count } == 1)
        try mode(0o700)
        #expect(isGood() && told.withLock { $0.last } == [])
        try FileManager.default.moveItem(atPath: file, toPath: file + ".away")
        #expect(!isGood() && told.withLock { $0.last?.count } == 1, "it is told, and not taken for revoked")
        try FileManager.default.moveItem(atPath: file + ".away", toPath: file)
        #expect(isGood() && told.withLock { $0.last } == [])
    }

    /// Whoever can write there could make a token of their own.
    @Test func aFileThatOthersCanWriteIsNoToken() throws {
        let gate = try TestGate()
        let made = try make()
        try TokenStore(directory: gate.path("tokens")).add(made.token)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o602], ofItemAtPath: gate.path("tokens/ehr.json"))
        #expect(book(gate).holder(of: Array(made.secret.utf8)) == nil)
    }

    /// A directory shows no change of its files when others may write it from now on.
    @Test func inADirectoryThatOthersCanWriteNoTokenIsGood() throws {
        let gate = try TestGate()
        let made = try make()
        try TokenStore(directory: gate.path("tokens")).add(made.token)
        let book = book(gate)
        #expect(book.holder(of: Array(made.secret.utf8)) != nil)
        func setMode(_ mode: Int) throws {
            try FileManager.default.setAttributes(
                [.posixPermissions: mode], ofItemAtPath: gate.path("tokens"))
        }
        try setMode(0o777)
        #expect(book.holder(of: Array(made.secret.utf8)) == nil)
        #expect(book.holder(of: Array("own".utf8)) != nil)
        try setMode(0o700)
        #expect(book.holder(of: Array(made.secret.utf8)) != nil)
    }

    // MARK: The command

    @Test func theCommandPrintsTheTokenOnceAndListsItWithout() async throws {
        let gate = try TestGate.plain()
        let made = await gate.run("token", "add", "ehr", "--role", "consumer", "--note", "team A")
        #expect(made.status == 0 && made.out.hasPrefix("dgt_") && made.out.split(separator: "\n").count == 1)
        let listed = await gate.run("token", "list")
        #expect(listed.out.contains("ehr") && listed.out.contains("team A") && !listed.out.contains("dgt_"))
        #expect(await gate.run("token", "add", "ehr", "--role", "viewer").status == 1)
        #expect(await gate.run("token", "add", "x y", "--role", "viewer").status == 64)
        #expect(await gate.run("token", "add", "x", "--role", "root").status == 64)
        #expect(await gate.run("token", "revoke", "ehr").out == "revoked ehr\n")
        let none = await gate.run("token", "revoke", "ehr")
        #expect(none.status == 1 && none.error.contains("dropgate token list"))
    }
}
