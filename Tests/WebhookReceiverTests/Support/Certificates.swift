// Certificates for the tests, made by openssl once a run: an authority, two server pairs, a client pair; and clients whose authority
// ends a day before them, the one that is trusted or one between.
import Foundation
import Support

final class Certificates: Sendable {
    let directory: TemporaryDirectory

    /// Made at first use.
    static let shared = Task { try await Certificates() }

    private init() async throws {
        directory = try TemporaryDirectory("certificates")
        try await authority("ca")
        try await authority("other-ca")
        try await leaf("server", authority: "ca", extra: "subjectAltName=IP:127.0.0.1")
        try await leaf("next", authority: "ca", extra: "subjectAltName=IP:127.0.0.1")
        try await leaf("client", authority: "ca", extra: "extendedKeyUsage=clientAuth")
        try await leaf("stranger", authority: "other-ca", extra: "extendedKeyUsage=clientAuth")
        try await authority("brief-ca", days: 1)
        try await leaf("of-brief", authority: "brief-ca", extra: "extendedKeyUsage=clientAuth")
        try await leaf("between", authority: "ca", extra: "basicConstraints=critical,CA:TRUE", days: 1)
        try await leaf("of-between", authority: "between", extra: "extendedKeyUsage=clientAuth")
    }

    func path(_ name: String) -> String { directory.file(name) }

    private func openssl(_ arguments: String) async throws {
        let result = try await Shell.run(
            ["openssl"] + arguments.split(separator: " ").map(String.init), in: directory.path)
        guard result.status == 0 else { throw OpenSSLError(description: result.error) }
    }

    private func authority(_ name: String, days: Int = 2) async throws {
        try await openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days \(days) -subj /CN=\(name) "
                + "-keyout \(name).key -out \(name).pem")
    }

    private func leaf(_ name: String, authority: String, extra: String, days: Int = 2) async throws {
        try await openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name) -addext \(extra) "
                + "-keyout \(name).key -out \(name).csr")
        try await openssl(
            "x509 -req -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial "
                + "-days \(days) -copy_extensions copy -out \(name).pem")
    }

    struct OpenSSLError: Error { var description: String }
}
