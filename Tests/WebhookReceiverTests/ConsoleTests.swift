// What the console's health pages say, and to whom.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import Metering
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

    @Test func aHealthyGateIsReady() async throws {
        try await LiveConsole.serve { port, _ in
            let health = try await curl(port, "/healthz")
            #expect(health.0 == 200 && health.1 == ["status": "ok"])
            let ready = try await curl(port, "/readyz")
            #expect(ready.0 == 200 && ready.1 == ["status": "ready"])
        }
    }

    @Test func aProblemDegradesAndIsToldOnlyWithTheToken() async throws {
        try await LiveConsole.serve { port, intake in
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
        try await LiveConsole.serve(
            details: { ["forwarding": [["forwarder": "syslog", "waiting_entries": 3]]] }
        ) { port, _ in
            #expect(try await curl(port, "/readyz").1 == ["status": "ready"])
            let told = try await curl(port, "/readyz", "-H", "authorization: Bearer console-token")
            #expect(told.0 == 200)
            #expect(
                told.1 == ["status": "ready", "forwarding": [["forwarder": "syslog", "waiting_entries": 3]]])
        }
    }

    @Test func metricsAreForWhoHasTheToken() async throws {
        try await LiveConsole.serve { port, intake in
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

    /// Balancers poll without one.
    @Test(.timeLimit(.minutes(1)))
    func whoShowsAWrongTokenIsAnEntryAndWhoShowsNoneIsNot() async throws {
        try await LiveConsole.serve { port, intake in
            for path in ["/readyz", "/metrics"] { _ = try await curl(port, path) }
            for path in ["/readyz", "/metrics"] {
                _ = try await curl(port, path, "-H", "Authorization: Bearer wrong")
            }
            // Entries are not waited for by whoever asks.
            while try intake.ledgerSize() < 2 { await Task.yield() }
            let entries = try intake.ledger.reader().entries(LedgerQuery()).map { try $0.value() }
            #expect(entries.allSatisfy { $0["reason"] == "auth_failed" && $0["channel"] == "console" })
            let told = entries.map {
                "\($0["request"]?["path"]?.string ?? "") \($0["request"]?["status"]?.int ?? 0)"
            }
            #expect(told.sorted() == ["/metrics 401", "/readyz 200"])
        }
    }

    @Test func anythingElseIsNotFound() async throws {
        try await LiveConsole.serve { port, _ in
            for path in ["/", "/readyz/", "/metrics/", "/api/v1/attempts"] {
                let status = try await curl(port, path).0
                #expect(status == 404)
            }
            let posted = try await curl(port, "/readyz", "-X", "POST").0
            #expect(posted == 405)
        }
    }

    /// That the process answers is to be known while a disk does not.
    @Test func healthzAnswersWhileTheOtherAnswersWait() async throws {
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
        let disk = DispatchSemaphore(value: 0)
        try await LiveConsole.serve(
            details: {
                arrived.yield()
                disk.wait()
                return [:]
            }
        ) { port, _ in
            let clients = try (0..<8).map { _ in try RawClient(from: "127.0.0.1", port: port) }
            for client in clients {
                client.send(
                    "GET /readyz HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(LiveConsole.token)\r\n"
                        + "connection: close\r\n\r\n")
            }
            var waiting = arrivals.makeAsyncIterator()
            for _ in 0..<4 { _ = await waiting.next() }
            #expect(try await curl(port, "/healthz").0 == 200)
            for _ in clients { disk.signal() }
            for client in clients {
                #expect(await client.readToEnd().hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    /// RFC 9110, 9.3.2: a body would be taken for the beginning of the next answer.
    @Test(arguments: [
        ("/healthz", "200"), ("/readyz", "200"), ("/metrics", "401"), ("/nothing", "404"),
        ("/api/v1/status", "401"), ("/api/v1/openapi.json", "200"), ("/login", "200"),
    ])
    func anAnswerToHeadHasNoBody(path: String, status: String) async throws {
        try await LiveConsole.serve(hasServices: true) { port, _ in
            let client = try RawClient(from: "127.0.0.1", port: port)
            client.send(
                "HEAD \(path) HTTP/1.1\r\nhost: a\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
            )
            let parts = await client.readToEnd().components(separatedBy: "\r\n\r\n")
            #expect(parts.count == 3, "two heads, and the body of the second answer")
            #expect(parts[0].hasPrefix("HTTP/1.1 \(status) "))
            #expect(parts[0].lowercased().contains("content-length: "))
            #expect(!parts[0].lowercased().contains("content-length: 0"))
            #expect(parts.dropFirst().first?.hasPrefix("HTTP/1.1 200 ") == true)
        }
    }

    /// RFC 9110, 9.3.2 and 8.6: a length that is said is that of the answer to GET.
    @Test(arguments: [
        "/healthz", "/nothing", "/assets/console.css", "/api/v1/openapi.json", "/api/v1/nothing",
        "/api/v1/attempts/export", "/api/v1/attempts/stream", "/api/v1/drops/stream",
    ])
    func anAnswerToHeadHasTheFieldsOfTheAnswerToGet(path: String) async throws {
        try await LiveConsole.serve(hasServices: true) { port, _ in
            func fields(_ method: String) async throws -> [String] {
                let client = try RawClient(from: "127.0.0.1", port: port)
                client.send(
                    "\(method) \(path) HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(LiveConsole.token)\r\n\r\n"
                )
                let head = await client.read(through: "\r\n\r\n").components(separatedBy: "\r\n\r\n")[0]
                return head.components(separatedBy: "\r\n").filter { !$0.lowercased().hasPrefix("date:") }
            }
            let head = try await fields("HEAD")
            #expect(try await fields("GET").sorted() == head.sorted())
            #expect(!head.contains { $0.lowercased().hasPrefix("content-length: 0") })
        }
    }

    @Test(arguments: ["/api/v1/attempts/export", "/api/v1/attempts/stream"])
    func anAnswerToHeadWithoutALengthEndsWithItsHead(path: String) async throws {
        try await LiveConsole.serve(hasServices: true) { port, _ in
            let client = try RawClient(from: "127.0.0.1", port: port)
            client.send(
                "HEAD \(path) HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(LiveConsole.token)\r\n\r\n"
                    + "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            let parts = await client.readToEnd().components(separatedBy: "\r\n\r\n")
            #expect(parts.count == 3, "two heads, and the body of the second answer")
            #expect(parts.dropFirst().first?.hasPrefix("HTTP/1.1 200 ") == true)
        }
    }

    /// RFC 9112, 9.6.
    @Test(arguments: ["close", "Close", "keep-alive, close"])
    func whatComesBehindTheLastRequestOfAConnectionIsNotAnswered(option: String) async throws {
        try await LiveConsole.serve { port, _ in
            let client = try RawClient(from: "127.0.0.1", port: port)
            client.send(
                "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: \(option)\r\n\r\nGET /readyz HTTP/1.1\r\nhost: a\r\n\r\n"
            )
            let said = await client.readToEnd()
            #expect(said.components(separatedBy: "HTTP/1.1 ").count == 2, "\(said)")
            #expect(said.lowercased().contains("\r\nconnection: close\r\n"))
        }
    }
}
