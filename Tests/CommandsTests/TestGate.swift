// A gate directory made by `dropgate init` itself, and commands run against it with their output captured.
import Admission
import Commands
import Files
import Foundation
import Intake
import Ledger
import LedgerSupport
import Logging
import Settings
import Support

struct TestGate {
    let directory: TemporaryDirectory

    struct Answer {
        var status: Int32
        var out: String
        var error: String
    }

    /// An empty directory.
    init() throws { directory = try TemporaryDirectory("commands") }

    /// With settings, a source list of these entries, and no state.
    static func plain(entries: String = Self.entry) throws -> TestGate {
        let gate = try TestGate()
        try gate.write(
            "dropgate.yaml", "state: state\nwebhook: {listen: 127.0.0.1:0, plaintext: true}\nnode: gate-1\n")
        try gate.write("sources/vsee.yaml", "entries:\n\(entries)")
        try FileManager.default.createDirectory(
            atPath: gate.path("state/run"), withIntermediateDirectories: true)
        return gate
    }

    static let entry = "  - cidr: 20.21.208.105\n    service: clinic\n    channels: [webhook]\n"

    func path(_ name: String) -> String { directory.file(name) }
    var config: String { path("dropgate.yaml") }

    func write(_ name: String, _ text: String) throws {
        let file = path(name)
        try FileManager.default.createDirectory(
            atPath: Paths.directory(of: file), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int
    }

    /// Runs a command with `--config` of this gate.
    func run(_ arguments: String...) async -> Answer { await run(arguments) }

    func run(_ arguments: [String]) async -> Answer { await Self.run(arguments + ["--config", config]) }

    static func run(_ arguments: [String]) async -> Answer {
        let capture = Output.Capture()
        let status = await Output.$capture.withValue(capture) { await Program.run(arguments) }
        return Answer(status: status, out: capture.out, error: capture.error)
    }

    func policy() throws -> Policy {
        try PolicyLoader.load(files: PolicyLoader.files([path("sources/*.yaml")]))
    }

    func openReader() throws -> any LedgerReading {
        try LedgerHandle(file: path("state/ledger.sqlite")).reader()
    }

    private var configuration: Intake.Configuration {
        Intake.Configuration(
            node: "gate-1", ledger: LedgerHandle(file: path("state/ledger.sqlite")),
            stagingPath: path("state/staging"))
    }

    private var logger: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// - Parameter reserve: bytes that must be free for anything to be accepted.
    func openIntake(
        reserve: Int64 = 1, clock: @escaping @Sendable () -> Instant = { Instant.now() }
    ) throws -> Intake {
        var configuration = configuration
        configuration.reserveBytes = reserve
        return try Intake.open(configuration, policy: policy(), logger: logger, clock: clock)
    }

    /// With a ledger that takes no entry while the disk fails.
    func openIntake(on disk: FailingDisk) throws -> Intake {
        var configuration = configuration
        configuration.reserveBytes = 1
        let store = FailingStore(try configuration.ledger.open(node: configuration.node), disk: disk)
        return try Intake(
            configuration, store: store, policy: policy(), logger: logger, clock: { Instant.now() })
    }
}
