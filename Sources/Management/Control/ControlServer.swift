// The running gate's control socket: commands of the same machine and user that need the ledger's only writer. 0600 in a
// directory of 0700; 0660 in one of 0710 where a group may read the ledger.
import Admission
import Blocking
package import Files
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
    private let state: @Sendable () -> GateState
    private let health: Health
    private let logger: Logger
    private let readers: AccessGroup?
    private let guests = Guests()
    private let onOpen: @Sendable () -> Void
    /// What commands ask reads the ledger, staging and whole drops.
    private let executor = BlockingExecutor(label: "dropgate.control", width: 4)

    /// - Parameters:
    ///   - path: of the socket, in a private directory.
    ///   - state: how the gate is; may look into the ledger.
    ///   - health: told where commands do not reach the gate.
    ///   - readers: who may connect beside root and the gate's user, to have what they take recorded, and for nothing else.
    ///   - onOpen: called once commands can connect.
    package init(
        path: String, authority: LocalAuthority, state: @escaping @Sendable () -> GateState, health: Health,
        logger: Logger, readers: AccessGroup? = nil, onOpen: @escaping @Sendable () -> Void = {}
    ) {
        self.path = path
        self.authority = authority
        self.state = state
        self.health = health
        self.logger = logger
        self.readers = readers
        self.onOpen = onOpen
    }

    package func run() async throws {
        let socket: KeptSocket
        do throws(ListenError) { socket = try opened() } catch {
            throw ManagementError(error).prefixed(by: "control socket")
        }
        let server = LocalServer(socket: socket, label: "dropgate.control", longest: Control.longestLine)
        onOpen()
        await withTaskExecutorPreference(executor) {
            await cancelWhenGracefulShutdown { await serve(server) }
        }
    }

    /// Without it every command would say that a gate starts or ends, for as long as this one runs.
    private func opened() throws(ListenError) -> KeptSocket {
        try KeptSocket(
            path, "the control socket", logger: logger,
            report: health.tell(socket:_:),
            prepare: { [path, readers] in
                let directory = Paths.directory(of: path)
                try GateDirectories.make(directory)
                try readers?.admit(directory: directory, to: .pass)
            },
            bound: { [path, readers, logger] in
                do throws(FileError) { try readers?.admit(socket: path) } catch { logger.warning("\(error)") }
            })
    }

    private func serve(_ server: LocalServer) async {
        await server.run { conversation in
            let peer = conversation.peer
            let isGuest = !Self.isTrusted(peer.user)
            guard !isGuest || guests.enter(peer.user) else { return }
            defer { if isGuest { guests.leave(peer.user) } }
            guard let line = try await conversation.next() else { return }
            let answer = await answer(line, peer)
            try conversation.writer.send(JSONLine.encode(ControlEnvelope(answer)))
        } failed: { _, error in
            logger.debug("control connection: \(error)")
        }
    }

    private static func isTrusted(_ user: uid_t) -> Bool { user == 0 || user == geteuid() }

    /// Who is let in to the ledger alone has its own accesses recorded: it cannot write them itself.
    private static func mayAsk(_ request: ControlRequest, _ user: uid_t) -> Bool {
        switch request {
        case .hello, .recordAccess: true
        default: isTrusted(user)
        }
    }

    private func answer(_ line: [UInt8], _ peer: LocalPeer) async -> ControlAnswer {
        do {
            let version = try JSONLine.decode(ControlVersion.self, from: line).version
            guard version == Control.version else {
                return .failed(
                    .internalError, message: "it is a different version from this command",
                    fix: "restart the gate, so that both are the same version")
            }
            let question = try JSONLine.decode(ControlEnvelope<ControlQuestion>.self, from: line).message
            guard Self.mayAsk(question.request, peer.user) else {
                return .failed(
                    .refused, message: "the user \(peer.user) may read the ledger, and nothing else",
                    fix: "run this as the gate's own user")
            }
            let user = LocalUser(peer.user, login: peer.login, claim: question.claim)
            let who = try Attribution(.localUser(user), comment: question.comment)
            if !Self.isTrusted(peer.user), case .recordAccess(let detail) = question.request {
                try guests.countEntry(of: peer.user)
                return .recorded(seq: try await authority.recordGuestAccess(detail, by: who))
            }
            return try await answer(question.request, by: who)
        } catch let error as IntakeError where !error.isHalfDone {
            return .refused(
                reason: error.code.rawValue, message: error.description, retryAfter: error.retryAfter)
        } catch {
            let known = ManagementError.of(error)
            return .failed(
                known?.code ?? .internalError, message: known?.message ?? "\(error)", fix: known?.fix)
        }
    }

    private func answer(_ request: ControlRequest, by who: Attribution) async throws -> ControlAnswer {
        switch request {
        case .hello: .here
        case .state: .state(state())
        case .recordAccess(let detail):
            .recorded(seq: try await authority.recordAccess(detail, by: who))
        case .recordChange(let change):
            .recorded(seq: try await authority.recordChange(change, by: who))
        case .expectConnection(let ip, let port): try await expect(ip, port)
        case .acknowledge(let drop): .acknowledged(try await authority.acknowledge(drop, by: who))
        case .releaseHeld(let drop): .released(try await authority.releaseHeld(drop, by: who))
        case .withdraw(let drop): .withdrawn(try await authority.withdraw(drop, by: who))
        case .standing(let drop): .standing(try await authority.standing(ofDrop: drop))
        case .discardFetched(let drop): try await discard(drop)
        case .importDrop(let drop): .imported(try await authority.importDrop(drop, by: who))
        case .heldPulls(let hostKey, let origin):
            .heldPulls(try await authority.heldPulls(hostKey: hostKey, origin: origin))
        case .releasePulled(let drop): .standing(try await authority.releasePulled(drop))
        case .withdrawPulled(let drop, let there):
            .pullWithdrawn(try await authority.withdrawPulled(drop, there: there, by: who))
        case .checkpoint: .checkpoint(note: try await authority.checkpoint(by: who))
        case .rotateKey: .rotated(key: try await authority.rotateKey(by: who))
        }
    }

    private func expect(_ ip: String, _ port: UInt16) async throws -> ControlAnswer {
        do throws(AddressError) {
            let endpoint = Endpoint(ip: try IPAddress(ip), port: port)
            await authority.expectConnection(from: endpoint)
        } catch {
            throw ManagementError(.invalid, "\(error)", cause: error)
        }
        return .expected
    }

    private func discard(_ drop: String) async throws -> ControlAnswer {
        try await authority.discardFetched(drop)
        return .discarded
    }
}
