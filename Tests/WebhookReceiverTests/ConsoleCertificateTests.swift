// Callers of the console that show a certificate are asked for it again.
import Settings
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
