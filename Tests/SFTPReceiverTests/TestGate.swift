// A receiver with the machine's real sshd, a real Intake and a directory of its own, and a client for it.
import Admission
import Dispatch
import Foundation
import Intake
import JSON
import Ledger
import Logging
import SFTPSession
import ServiceLifecycle
import Settings
import Sockets
import Support

@testable import Accounts
@testable import SFTPReceiver

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// What a test may set before the gate opens.
struct TestGateOptions {
    var entries = [TestGate.entry("127.0.0.0/8")]
    var address = AddressSettings(mode: .direct, trustedProxies: [])
    var loginGrace = Duration.seconds(20)
    var maxConnections = 8
    var maxConnectionsPerSource = 8
    /// Everything else of the settings.
    var change: (inout SFTPSettings) -> Void = { _ in }
    /// The text of the program that sshd starts for each login.
    var session = "exec cat\n"
    /// A program of this path in its place.
    var sessionPath: String?
    var tools = SSHDTools.find()
    /// A directory of this name in the gate's own one holds sshd's files.
    var state = "state"
    var hostKey = "host"
}

final class TestGate: Sendable {
    let directory: TemporaryDirectory
    let intake: Intake
    let accounts: AccountStore
    let receiver: SFTPReceiver

    static var isPossible: Bool {
        SSHDTools.find().sshd != nil && SSHDTools.find().nssWrapper != nil
            && FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh")
    }

    static func entry(_ block: String, mode: SourceEntry.Mode = .enforce) -> SourceEntry? {
        (try? CIDRBlock(block)).map {
            SourceEntry(
                list: "test", service: "vsee", cidr: $0, channels: [.sftp], document: nil, owner: nil,
                reviewBy: nil,
                expires: nil, mode: mode, note: nil)
        }
    }

    private init(_ options: TestGateOptions) async throws {
        directory = try TemporaryDirectory("sftp")
        var configuration = Intake.Configuration(
            node: "t", ledger: LedgerHandle(file: directory.file("ledger.sqlite")),
            stagingPath: directory.file("staging"))
        configuration.reserveBytes = 1
        configuration.reserveInodes = 1
        intake = try Intake.open(
            configuration, policy: Policy(entries: options.entries.compactMap { $0 }), logger: quietLogger)
        accounts = AccountStore(directory: directory.file("accounts"))
        let session = directory.file("session")
        let answer = "[ \"$*\" != --version ] || { echo '\(SessionProgram.version)'; exit; }"
        try "#!/bin/sh\n\(answer)\n\(options.session)".write(
            toFile: session, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: session)
        var settings = SFTPSettings(
            listen: ListenAddress(ip: try IPAddress("127.0.0.1"), port: 0),
            hostKeys: [directory.file(options.hostKey)])
        _ = try await Client.key("host", in: directory)
        settings.address = options.address
        settings.loginGrace = options.loginGrace
        settings.maxConnections = options.maxConnections
        settings.maxConnectionsPerSource = options.maxConnectionsPerSource
        options.change(&settings)
        _ = try await Client.key("client", in: directory)
        _ = try await Client.key("stranger", in: directory)
        try accounts.add(
            Account(
                name: "acme", keys: [AuthorizedKey(Client.publicKey("client", in: directory))],
                passwordHash: PasswordHash(password: "correct horse battery")))
        try FileManager.default.createDirectory(
            atPath: directory.file(options.state), withIntermediateDirectories: true)
        var tools = options.tools
        tools.session = options.sessionPath ?? session
        receiver = try await SFTPReceiver.open(
            SFTPReceiver.Configuration(
                settings: settings, state: directory.file(options.state), accounts: accounts.directory,
                tools: tools),
            intake: intake, logger: quietLogger)
    }

    /// Opens a gate, lets `body` use it, stops it, and returns all entries of the ledger about callers.
    static func run(
        _ change: (inout TestGateOptions) -> Void = { _ in }, _ body: (TestGate) async throws -> Void
    ) async throws -> [JSONValue] {
        var options = TestGateOptions()
        change(&options)
        let gate = try await TestGate(options)
        let group = ServiceGroup(services: [gate.receiver], logger: quietLogger)
        async let service: Void = group.run()
        do {
            try await body(gate)
        } catch {
            await group.triggerGracefulShutdown()
            throw error
        }
        // What the callers did is told to its end before the gate stops.
        while gate.receiver.openConnections > 0 { await Task.yield() }
        await group.triggerGracefulShutdown()
        try await service
        await gate.intake.close()
        return try gate.entries()
    }

    func entries() throws -> [JSONValue] {
        try LedgerHandle(file: directory.file("ledger.sqlite")).reader().entries(LedgerQuery())
            .map { try $0.value() }.filter { $0["kind"]?.string != "policy" }
            .sorted { $0["seq"]?.int ?? 0 < $1["seq"]?.int ?? 0 }
    }

    var client: Client { Client(port: receiver.port, directory: directory) }
}

/// OpenSSH's client.
struct Client {
    let port: UInt16
    let directory: TemporaryDirectory

    static func key(_ name: String, in directory: TemporaryDirectory) async throws -> String {
        let path = directory.file(name)
        _ = try await SSHDTools.run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path])
        return path
    }

    static func publicKey(_ name: String, in directory: TemporaryDirectory) throws -> String {
        try String(contentsOfFile: directory.file(name + ".pub"), encoding: .utf8)
    }

    /// `ssh USER@gate -s sftp` with one key, to its end.
    func ssh(
        _ user: String, key: String = "client", _ options: [String] = [], command: [String] = ["-s", "sftp"]
    ) async throws -> SSHDTools.Answer {
        let common = [
            "-F", "none", "-p", "\(port)", "-i", directory.file(key), "-o", "IdentitiesOnly=yes", "-o",
            "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o",
            "LogLevel=ERROR",
        ]
        let arguments = common + options.flatMap { ["-o", $0] }
        return try await SSHDTools.run("/usr/bin/ssh", arguments + ["-l", user, "127.0.0.1"] + command)
    }

    func isLetIn(_ user: String, key: String = "client") async throws -> Bool {
        try await ssh(user, key: key).isSuccess
    }

    /// Connects, sends bytes (and that there are no more, with `end`), and returns what came back until the
    /// gate closed the connection.
    func raw(_ bytes: [UInt8], end: Bool = false) async -> [UInt8] {
        await withCheckedContinuation { continuation in
            // It blocks, and the receiver under test needs the threads of the cooperative pool.
            DispatchQueue.global().async {
                continuation.resume(returning: exchange(bytes, end: end))
            }
        }
    }

    private func exchange(_ bytes: [UInt8], end: Bool) -> [UInt8] {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        guard let loopback = try? IPAddress("127.0.0.1"),
            SocketAddress.withSocketAddress(loopback, port: port, { connect(descriptor, $0, $1) }) == 0
        else { return [] }
        if !bytes.isEmpty { _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
        if end { shutdown(descriptor, Int32(SHUT_WR)) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            answer += buffer.prefix(count)
        }
        return answer
    }
}
