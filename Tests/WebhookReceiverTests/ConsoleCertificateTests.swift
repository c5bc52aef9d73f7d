// Callers of the console that show a certificate are asked for it again.
import Foundation
import Settings
import Synchronization
import Testing

@Suite struct ConsoleCertificateTests {
    /// The console's own pair; with it callers are asked for theirs, or not.
    private func tls(_ certificates: Certificates, asks: Bool) -> TLSSettings {
        TLSSettings(
            certificate: certificates.path("server.pem"), key: certificates.path("server.key"),
            clientAuthorities: asks ? certificates.path("ca.pem") : nil)
    }

    private func curl(_ certificates: Certificates, shows: Bool) -> [String] {
        let own = ["--cert", certificates.path("client.pem"), "--key", certificates.path("client.key")]
        return ["curl", "-sS", "--max-time", "20", "--cacert", certificates.path("ca.pem")]
            + (shows ? own : [])
    }

    @Test(arguments: [(Duration.zero, true, true), (.seconds(300), true, false), (.zero, false, false)])
    func anOldConnectionIsClosedBehindItsNextAnswer(
        age: Duration, withCertificate: Bool, closes: Bool
    ) async throws {
        let certificates = try await Certificates.shared.value
        let expected =
            closes
            ? [["1", "200", "close"], ["1", "401", "close"], ["1", "200", "close"]]
            : [["1", "200"], ["0", "401"], ["0", "200"]]
        try await LiveConsole.serve(
            tls: tls(certificates, asks: withCertificate), certificateAge: age
        ) { port, _ in
            let urls = ["healthz", "metrics", "readyz"].map { "https://127.0.0.1:\(port)/\($0)" }
            let result = try await Shell.run(
                curl(certificates, shows: withCertificate)
                    + ["-w", "%{num_connects} %{http_code} %header{connection}\n"]
                    + urls.flatMap { ["-o", "/dev/null", $0] })
            let lines = result.output.split(separator: "\n").map {
                $0.split(separator: " ").map(String.init)
            }
            #expect(lines == expected, "\(result.error)")
        }
    }

    /// Sent at once, and still not carried out: it would not be answered.
    @Test func whatComesBehindTheLastRequestOfAnOldConnectionIsNotCarriedOut() async throws {
        let certificates = try await Certificates.shared.value
        let asked = Counter()
        try await LiveConsole.serve(
            tls: tls(certificates, asks: true), certificateAge: .zero,
            details: {
                asked.count.add(1, ordering: .relaxed)
                return [:]
            }
        ) { port, _ in
            let request =
                "GET /readyz HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(LiveConsole.token)\r\n\r\n"
            let result = try await Shell.run(
                [
                    "openssl", "s_client", "-quiet", "-connect", "127.0.0.1:\(port)",
                    "-CAfile", certificates.path("ca.pem"), "-cert", certificates.path("client.pem"),
                    "-key", certificates.path("client.key"),
                ], input: Array((request + request + request).utf8))
            #expect(result.output.components(separatedBy: "HTTP/1.1 ").count == 2, "\(result.output)")
            #expect(result.output.lowercased().contains("connection: close"))
        }
        #expect(asked.count.load(ordering: .relaxed) == 1)
    }

    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    /// Whoever reads it connects anew, and goes on where it was.
    @Test func aStreamEndsWhenItsCallerIsToShowItsCertificateAgain() async throws {
        let certificates = try await Certificates.shared.value
        try await LiveConsole.serve(
            tls: tls(certificates, asks: true), certificateAge: .seconds(1), hasServices: true
        ) { port, _ in
            let result = try await Shell.run(
                curl(certificates, shows: true) + [
                    "-i", "-H", "authorization: Bearer \(LiveConsole.token)",
                    "https://127.0.0.1:\(port)/api/v1/attempts/stream",
                ])
            #expect(result.status == 0, "it ends as a whole: \(result.error)")
            #expect(result.output.hasPrefix("HTTP/1.1 200 ") && result.output.contains("retry: 2000"))
            #expect(result.output.lowercased().contains("connection: close"))
        }
    }
}
