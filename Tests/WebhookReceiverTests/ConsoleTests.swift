// What the console's health pages say, and to whom.
import Admission
import Console
import Foundation
import Intake
import JSON
import Ledger
import Management
import Metering
import ServiceLifecycle
import Settings
import Support
import Synchronization
import Testing

@Suite struct ConsoleTests {
    private func curl(_ port: Int, _ path: String, _ options: String...) async throws -> (Int, JSONValue?) {
        let result = try await Shell.run(
            ["curl", "-sS", "--max-time", "10", "-w", "\n%{http_code}"] + options + [
                "http://127.0.0.1:\(port)\(path)"
            ])
        let lines = result.output.split(separator: "\n")
        let body = lines.dropLast().joined()
        return (lines.last.flatMap { Int($0) } ?? 0, try? JSONValue(parsing: Array(body.utf8)))
    }

    private func serve(
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
        let token = Secret(Array("console-token".utf8))
        let console = Console(
            settings: ConsoleSettings(
                listen: ListenAddress(ip: try IPAddress("127.0.0.1"), port: 0), token: token),
            tokens: TokenBook(directory: directory.file("tokens"), own: token), intake: intake,
            logger: LiveGate.quiet,
            details: details, onBound: { bound.yield($0) })
        let group = ServiceGroup(
            configuration: .init(services: [.init(service: console)], logger: LiveGate.quiet))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let port = try #require(await ports.first { _ in true })
            do {
                try await body(port, intake)
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await intake.close()
    }

    @Test func aHealthyGateIsReady() async throws {
        try await serve { port, _ in
            let health = try await curl(port, "/healthz")
            #expect(health.0 == 200 && health.1 == ["status": "ok"])
            let ready = try await curl(port, "/readyz")
            #expect(ready.0 == 200 && ready.1 == ["status": "ready"])
        }
    }

    @Test func aProblemDegradesAndIsToldOnlyWithTheToken() async throws {
        try await serve { port, intake in
            intake.health.set(problem: "ledger", message: "the disk is full")
            #expect(try await curl(port, "/healthz").0 == 200)
            for options in [
                ["-H", "authorization: Bearer console-tokeN"], ["-H", "authorization: Basic console-token"],
                ["-H", "authorization: console-token"], ["-H", "x: y"],
            ] {
                let told = try await curl(port, "/readyz", options[0], options[1])
                #expect(told.0 == 503 && told.1 == ["status": "unavailable"])
            }
            let told = try await curl(port, "/readyz", "-H", "authorization: Bearer console-token")
            #expect(told.0 == 503)
            #expect(
                told.1?["status"] == "unavailable" && told.1?["problems"] == ["ledger": "the disk is full"])
            let detail = told.1?["details"]?["ledger"]
            #expect(detail?["fix"]?.string == HealthProblem.ledger.fix)
            #expect(detail?["since"]?.string.flatMap(Instant.init(rfc3339:)) != nil)
            intake.health.clear(problem: "ledger")
            // What somebody should look at takes no working gate out of service.
            intake.health.set(problem: "sources", message: "a list is bad, the old one stays")
            let look = try await curl(port, "/readyz")
            #expect(look.0 == 200 && look.1 == ["status": "degraded"])
            intake.health.clear(problem: "sources")
            // What was full and is not any more is found out by asking.
            intake.health.set(problem: "space", message: "the disk was full")
            #expect(try await curl(port, "/readyz").1 == ["status": "ready"])
            #expect(try await curl(port, "/readyz").0 == 200)
        }
    }

    @Test func forwardingIsToldWithTheTokenWhetherItWorksOrNot() async throws {
        try await serve(details: { ["forwarding": [["forwarder": "syslog", "waiting_entries": 3]]] }) {
            port, _ in
            #expect(try await curl(port, "/readyz").1 == ["status": "ready"])
            let told = try await curl(port, "/readyz", "-H", "authorization: Bearer console-token")
            #expect(told.0 == 200)
            #expect(
                told.1 == ["status": "ready", "forwarding": [["forwarder": "syslog", "waiting_entries": 3]]])
        }
    }

    @Test func metricsAreForWhoHasTheToken() async throws {
        try await serve { port, intake in
            intake.metrics.add("dropgate_test_things", "Things.") {
                [MetricRegistry.Reading(7, labels: [("name", "a\"b\\c")])]
            }
            #expect(try await curl(port, "/metrics").0 == 401)
            #expect(try await curl(port, "/metrics", "-H", "Authorization: Bearer wrong").0 == 401)
            let answer = try await Shell.run([
                "curl", "-sS", "--fail", "-H", "Authorization: Bearer console-token",
                "http://127.0.0.1:\(port)/metrics",
            ])
            #expect(
                answer.output.contains(
                    "# TYPE dropgate_test_things gauge\ndropgate_test_things{name=\"a\\\"b\\\\c\"} 7\n"))
        }
    }

    @Test func anythingElseIsNotFound() async throws {
        try await serve { port, _ in
            for path in ["/", "/readyz/", "/metrics/", "/api/v1/attempts"] {
                let status = try await curl(port, path).0
                #expect(status == 404)
            }
            let posted = try await curl(port, "/readyz", "-X", "POST").0
            #expect(posted == 405)
        }
    }
}
