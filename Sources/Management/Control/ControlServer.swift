// The running gate's control socket: commands of the same machine and user that need the ledger's only writer. 0600 in a
// directory of 0700.
import Admission
import Blocking
import Foundation
package import Intake
import LocalServer
import LocalSocket
package import Logging
import ServiceLifecycle
import Sockets
import TLS

package struct ControlServer: Service {
    private let path: String
    private let authority: LocalAuthority
    private let health: Health
    private let logger: Logger
    private let onOpen: @Sendable () -> Void
    /// What commands ask reads the ledger, staging and whole drops.
    private let executor = BlockingExecutor(label: "dropgate.control", width: 4)

    /// - Parameters:
    ///   - path: of the socket, in a private directory.
    ///   - onOpen: called once commands can connect.
    package init(
        path: String, authority: LocalAuthority, health: Health, logger: Logger,
        onOpen: @escaping @Sendable () -> Void = {}
    ) {
        self.path = path
        self.authority = authority
        self.health = health
        self.logger = logger
        self.onOpen = onOpen
    }

    package func run() async throws {
        let socket: AcceptingSocket
        do throws(ListenError) {
            socket = try AcceptingSocket.unix(path)
        } catch {
            throw ManagementError(.internalError, "control socket: \(error)", cause: error)
        }
        defer { unlink(path) }
        let server = LocalServer(socket: socket, label: "dropgate.control", longest: Control.longestLine)
        onOpen()
        await withTaskExecutorPreference(executor) {
            await cancelWhenGracefulShutdown { await serve(server) }
        }
    }

    private func serve(_ server: LocalServer) async {
        await server.run { conversation in
            guard let line = try await conversation.next() else { return }
            let answer = await answer(line, conversation.peer)
            try await conversation.writer.send(ControlEnvelope(answer))
        } failed: { _, error in
            logger.debug("control connection: \(error)")
        }
    }

    private func answer(_ line: [UInt8], _ peer: LocalPeer) async -> ControlAnswer {
        do {
            let version = try JSONLine.decode(ControlVersion.self, from: line).version
            guard version == Control.version else {
                return .failed(
                    .internalError, message: "it is of another version than this command",
                    fix: "restart it, so that both are of one")
            }
            let request = try JSONLine.decode(ControlEnvelope<ControlRequest>.self, from: line).message
            return try await answer(request, by: .localUser(peer.user))
        } catch let error as IntakeError {
            return .refused(reason: error.code.rawValue, message: error.description)
        } catch {
            let known = ManagementError.of(error)
            return .failed(
                known?.code ?? .internalError, message: known?.message ?? "\(error)", fix: known?.fix)
        }
    }

    private func answer(_ request: ControlRequest, by principal: Principal) async throws -> ControlAnswer {
        switch request {
        case .hello: .here
        case .state: .state(state)
        case .recordAccess(let detail):
            .recorded(seq: try await authority.recordAccess(detail, by: principal))
        case .acknowledge(let drop): .acknowledged(try await authority.acknowledge(drop))
        case .releaseHeld(let drop): .released(try await authority.releaseHeld(drop))
        case .standing(let drop): .standing(try await authority.standing(ofDrop: drop))
        case .discardFetched(let drop): try await discard(drop)
        case .importDrop(let drop): .imported(try await authority.importDrop(drop))
        case .checkpoint: .checkpoint(note: try await authority.checkpoint())
        case .rotateKey: .rotated(key: try await authority.rotateKey())
        }
    }

    private func discard(_ drop: String) async throws -> ControlAnswer {
        try await authority.discardFetched(drop)
        return .discarded
    }

    /// The kernel says so of a file that was replaced by a rename or removed (proc_pid_exe(5)).
    private static var isProgramReplaced: Bool? {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))?.hasSuffix(
            " (deleted)")
    }

    private var state: GateState {
        GateState(
            problems: health.problems, openSSL: OpenSSLLibrary.version,
            replacedFiles: OpenSSLLibrary.replaced() ?? [], isProgramReplaced: Self.isProgramReplaced)
    }
}
