// A console with a real intake on a port and directory of its own.
import Admission
import Console
import Foundation
import Intake
import JSON
import Ledger
import Management
import ServiceLifecycle
import Settings
import Support
import Testing

enum LiveConsole {
    /// What its callers show.
    static let token = "console-token"

    /// Serves while `body` runs with its port, then shuts down gracefully.
    /// - Parameters:
    ///   - certificateAge, details: as of `Console`.
    ///   - hasServices: it has the API and the pages, too.
    static func serve(
        tls: TLSSettings? = nil, certificateAge: Duration = .seconds(300), hasServices: Bool = false,
        details: @escaping @Sendable () -> [String: JSONValue] = { [:] },
        _ body: (Int, Intake) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("console")
        var configuration = Intake.Configuration(
            node: "t", ledger: LedgerHandle(file: directory.file("ledger.sqlite")),
            stagingPath: directory.file("staging"))
        configuration.reserveBytes = 1
        configuration.reserveInodes = 1
        let intake = try Intake.open(configuration, policy: LiveGate.policy(), logger: LiveGate.quiet)
        let (ports, bound) = AsyncStream.makeStream(of: Int.self)
        let secret = Secret(Array(token.utf8))
        var settings = ConsoleSettings(
            listen: ListenAddress(ip: try IPAddress("127.0.0.1"), port: 0), token: secret)
        settings.tls = tls
        let asked = try hasServices ? services(directory, intake) : nil
        let console = Console(
            settings: settings, tokens: TokenBook(directory: directory.file("tokens"), own: secret),
            intake: intake, services: asked, logger: LiveGate.quiet, certificateAge: certificateAge,
            details: details, onBound: { bound.yield($0) })
        try await serving(console) { _ in
            try await body(try #require(await ports.first { _ in true }), intake)
        }
        await intake.close()
        withExtendedLifetime(directory) {}
    }

    /// Of a gate whose state is this directory.
    private static func services(
        _ directory: TemporaryDirectory, _ intake: Intake
    ) throws -> ConsoleServices {
        let file = directory.file("dropgate.yaml")
        let text = "state: \(directory.path)\nwebhook: {listen: 127.0.0.1:0, plaintext: true}\n"
        try Data(text.utf8).write(to: URL(filePath: file))
        let settings = try SettingsLoader.load(file: file, environment: [:], namedFiles: .mayBeMissing)
        return ConsoleServices(
            settings, authority: LocalAuthority(settings, intake: intake, signing: NoSigner()))
    }

    /// Nothing is signed here.
    private struct NoSigner: CheckpointSigning {
        func sign() async throws -> SignedCheckpoint? { nil }

        func rotate(
            to new: NoteSigner, detail: [String: JSONValue], install: @Sendable () throws -> Void
        ) async throws -> KeyRotation {
            throw CancellationError()
        }
    }
}
