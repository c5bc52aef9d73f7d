// Says in words, and to commands of this machine (`BoundPorts`), where the gate listens, once it does everywhere.
import Foundation
import Logging
import Management
import ServiceLifecycle
import Settings

struct Announcer: Service {
    let listeners: [AnnouncedListener]
    /// Written when every listener is open, removed at the end, but by no gate that is killed.
    let file: String
    let announce: @Sendable (String) -> Void

    func run() async throws {
        unlink(file)
        defer { unlink(file) }
        var ports: [String: UInt16] = [:]
        for listener in listeners {
            // A listener that did not open ends the group by its own error.
            guard let port = await listener.port() else { return try await gracefulShutdown() }
            let address = ListenAddress(ip: listener.address.ip, port: UInt16(truncatingIfNeeded: port))
            ports[listener.name] = address.port
            announce("\(listener.name) listens on \(address)")
        }
        try BoundPorts.write(ports, to: file)
        ProgramCode.unmap()
        announce("ready")
        try await gracefulShutdown()
    }
}
