// Says in words, and to commands of this machine (`BoundPorts`), where the gate listens, once it does everywhere.
import Blocking
import Files
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
    /// A disk that hangs holds up nobody else.
    private let executor = BlockingExecutor(label: "announcer", width: 1)

    init(
        listeners: [AnnouncedListener], file: String, announce: @escaping @Sendable (String) -> Void
    ) {
        self.listeners = listeners
        self.file = file
        self.announce = announce
    }

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
        await withTaskExecutorPreference(executor) { [ports] in
            await cancelWhenGracefulShutdown {
                while (try? await Task.sleep(for: Self.look)) != nil { writeAgain(ports) }
            }
        }
    }

    /// How often it is looked whether the file is still there.
    private static let look = Duration.seconds(1)

    /// Where somebody has removed it from under the gate. What cannot be written now is tried again.
    private func writeAgain(_ ports: [String: UInt16]) {
        guard Presence.isGone(file) else { return }
        _ = try? GateDirectories.make(Paths.directory(of: file))
        try? BoundPorts.write(ports, to: file)
    }
}
