// Says in words, and in <state>/run/ports.json, where the gate listens, once it does everywhere.
import Files
import Foundation
import JSON
import Logging
import ServiceLifecycle
import Settings

struct Announcer: Service {
    let listeners: [AnnouncedListener]
    /// Written when every listener is open, removed at the end.
    let file: String
    let announce: @Sendable (String) -> Void

    func run() async throws {
        unlink(file)
        defer { unlink(file) }
        var ports: [String: JSONValue] = [:]
        for listener in listeners {
            // A listener that did not open ends the group by its own error.
            guard let port = await listener.port() else { return try await gracefulShutdown() }
            ports[listener.name] = .int(Int64(port))
            let address = ListenAddress(ip: listener.address.ip, port: UInt16(truncatingIfNeeded: port))
            announce("\(listener.name) listens on \(address)")
        }
        try FileReplacement.write(CanonicalJSON.encode(.object(ports)) + [0x0A], to: file, mode: 0o600)
        announce("ready")
        try await gracefulShutdown()
    }
}
