// A webhook receiver with a real intake on a port and directory of its own, and curl to call it with.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import LedgerSupport
import Logging
import ServiceLifecycle
import Settings
import Support
import Synchronization

@testable import WebhookReceiver

struct LiveGate: Sendable {
    /// Addresses of callers, by what the policy says of them.
    static let listed = "127.0.0.9"
    static let expired = "127.0.0.10"
    static let sftpOnly = "127.0.0.11"
    static let observed = "127.0.0.12"
    static let unlisted = "127.0.0.13"
    static let proxy = "127.0.0.20"
    static let secondProxy = "127.0.0.21"

    let directory: TemporaryDirectory
    let intake: Intake
    let receiver: WebhookReceiver
    let port: Int
    let usesTLS: Bool
    let group: ServiceGroup

    /// Serves while `body` runs, then shuts down gracefully. Returns all entries of the ledger, oldest first.
    @discardableResult
    static func serve(
        tls: Bool = false, reserveBytes: Int64 = 1, disk: FailingDisk? = nil,
        certificateAge: Duration = .seconds(300), _ change: (inout WebhookSettings) throws -> Void = { _ in },
        body: (LiveGate) async throws -> Void
    ) async throws -> [JSONValue] {
        let directory = try TemporaryDirectory("webhook")
        var settings = WebhookSettings(
            listen: ListenAddress(ip: try IPAddress("127.0.0.1"), port: 0), tls: nil)
        if tls {
            let certificates = try await Certificates.shared.value
            settings.tls = TLSSettings(
                certificate: certificates.path("server.pem"), key: certificates.path("server.key"))
        }
        try change(&settings)
        let intake = try openIntake(directory, reserveBytes: reserveBytes, disk: disk)
        let receiver = WebhookReceiver(
            settings: settings, intake: intake, logger: quiet, certificateAge: certificateAge)
        let usesTLS = settings.tls != nil
        try await serving(receiver) { group in
            try await body(
                LiveGate(
                    directory: directory, intake: intake, receiver: receiver, port: try await receiver.port,
                    usesTLS: usesTLS, group: group))
        }
        await intake.close()
        return try entries(in: directory)
    }

    private static func entries(in directory: TemporaryDirectory) throws -> [JSONValue] {
        var query = LedgerQuery()
        query.limit = 10_000
        return try LedgerHandle(file: directory.file("ledger.sqlite")).reader().entries(query).map {
            try $0.value()
        }
        .filter { $0["kind"]?.string != "service" }
    }

    private static func openIntake(
        _ directory: TemporaryDirectory, reserveBytes: Int64, disk: FailingDisk?
    ) throws -> Intake {
        var configuration = Intake.Configuration(
            node: "t", ledger: LedgerHandle(file: directory.file("ledger.sqlite")),
            stagingPath: directory.file("staging"))
        configuration.reserveBytes = reserveBytes
        configuration.reserveInodes = 1
        // A quarter of it for each source.
        configuration.mostHeldEvents = 12
        guard let disk else { return try Intake.open(configuration, policy: policy(), logger: quiet) }
        let store = try FailingStore(
            configuration.ledger.open(node: configuration.node), disk: disk)
        return try Intake(
            configuration, store: store, policy: policy(), logger: quiet, clock: { Instant.now() })
    }

    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    static func policy(without removed: String? = nil) throws -> Policy {
        func entry(
            _ service: String, _ ip: String, channels: Set<Admission.Channel> = [.webhook, .sftp],
            expires: Instant? = nil,
            mode: SourceEntry.Mode = .enforce
        ) throws -> SourceEntry {
            SourceEntry(
                list: "test", service: service, cidr: try CIDRBlock(ip), channels: channels, document: nil,
                owner: nil, reviewBy: nil, expires: expires, mode: mode, note: nil)
        }
        let entries = [
            try entry("clinic", listed), try entry("messenger", listed),
            try entry("old", expired, expires: Instant(rfc3339: "2020-01-01")),
            try entry("files", sftpOnly, channels: [.sftp]), try entry("maybe", observed, mode: .observe),
            try entry("real", "20.21.208.105"), try entry("v6", "2001:db8::9"),
        ]
        return try Policy(entries: entries.filter { $0.service != removed })
    }
}

// What it left behind.
extension LiveGate {
    /// All entries so far, oldest first, once everything noted before has been written.
    func entries() async throws -> [JSONValue] {
        try await intake.record(Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .read))
        return try Self.entries(in: directory)
    }

    /// The first entry with this reason, waited for: some are written only after the caller has gone.
    func entry(_ reason: Reason, kind: EntryKind? = nil) async throws -> JSONValue {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            let found = try await entries().first {
                $0["reason"]?.string == reason.rawValue
                    && (kind == nil || $0["kind"]?.string == kind?.rawValue)
            }
            if let found { return found }
            guard ContinuousClock.now < end else {
                throw Missing(description: "no entry with reason \(reason) in \(try await entries())")
            }
            await Task.yield()
        }
    }

    /// The bodies in staging.
    func staged() async throws -> [String] {
        await intake.waitUntilStaged()
        return try directory.files(under: "staging/ready").map {
            try String(contentsOfFile: directory.file("staging/ready/" + $0), encoding: .utf8)
        }
    }

    struct Missing: Error, CustomStringConvertible { var description: String }
}

struct Reply: Sendable {
    /// curl's exit status; 0 when there was an HTTP answer.
    var exit: Int32
    var status: Int
    var version: String
    var headers: String
    var body: String
    var error: String

    var json: JSONValue? { try? JSONValue(parsing: Array(body.utf8)) }
}

extension LiveGate {
    /// Calls the gate with curl.
    func curl(
        _ path: String = "/webhooks/vsee", from source: String = listed, body: String? = nil,
        _ more: String..., options: [String] = [],
        headers: [String] = []
    ) async throws -> Reply {
        let out = directory.file("curl-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: out) }
        var arguments = [
            "curl", "-sS", "--max-time", "20", "--interface", source, "-o", out, "-D", out + ".head",
            "-w", "%{http_code} %{http_version}",
        ]
        if usesTLS {
            arguments += ["--cacert", try await Certificates.shared.value.path("ca.pem")]
        }
        if body != nil { arguments += ["-X", "POST", "--data-binary", "@-"] }
        arguments += more + options + headers.flatMap { ["-H", $0] }
        arguments.append("\(usesTLS ? "https" : "http")://127.0.0.1:\(port)\(path)")
        let result = try await Shell.run(arguments, input: Array((body ?? "").utf8))
        let words = result.output.split(separator: " ")
        func text(_ name: String) -> String { (try? String(contentsOfFile: name, encoding: .utf8)) ?? "" }
        return Reply(
            exit: result.status, status: words.first.flatMap { Int($0) } ?? 0,
            version: words.last.map(String.init) ?? "", headers: text(out + ".head").lowercased(),
            body: text(out),
            error: result.error)
    }
}

extension LiveGate {
    /// Waits until the gate holds this many connections: closing is seen by the caller first.
    func waitForConnections(_ count: Int) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while receiver.openConnections != count {
            guard ContinuousClock.now < end else {
                throw Missing(description: "\(receiver.openConnections) connections are open, not \(count)")
            }
            await Task.yield()
        }
    }
}
