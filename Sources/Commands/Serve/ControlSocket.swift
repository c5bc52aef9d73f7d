// The running gate's control socket: commands of the same machine and user that need the ledger's only writer.
// One line of JSON each way a connection: {"acknowledge":ID} is answered {"ok":true} or {"ok":false},
// {"record_access":{…}} is answered {"seq":N} once the entry is durable, {"drop_standing":ID}
// {"standing":"unknown"}, "pending" or "kept", {"discard_fetched":ID} {"ok":true}, and {"adopt":{…}}
// {"adopted":"stored"}, "duplicate" or "pending". What the gate's inside refuses is {"refused":CODE,"message":…}.
import Foundation
package import Intake
package import Ledger
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The longest line either side takes.
private let longestLine = 64 << 10

package struct ControlSocket: Service {
    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// <state>/run/control.sock: 0600 in a directory of 0700.
    private let path: String
    private let intake: Intake
    private let keeper: KeyKeeper?
    private let logger: Logger
    private let onOpen: @Sendable () -> Void

    /// `onOpen` is called once commands can connect.
    package init(
        path: String, intake: Intake, keeper: KeyKeeper? = nil, logger: Logger,
        onOpen: @escaping @Sendable () -> Void = {}
    ) {
        self.path = path
        self.intake = intake
        self.keeper = keeper
        self.logger = logger
        self.onOpen = onOpen
    }

    package func run() async throws {
        let server: NIOAsyncChannel<Connection, Never>
        do {
            server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try Connection(wrappingChannelSynchronously: channel)
                    }
                }
        } catch {
            throw Failure(.inside, "control socket \(path): \(error)")
        }
        chmod(path, 0o600)
        defer { unlink(path) }
        onOpen()
        try await server.executeThenClose { connections in
            await withTaskGroup(of: Void.self) { group in
                do {
                    for try await connection in connections.cancelOnGracefulShutdown() {
                        group.addTask { await serve(connection) }
                    }
                } catch {
                    logger.error("control socket: \(error)")
                }
                group.cancelAll()
            }
        }
    }

    private func serve(_ connection: Connection) async {
        do {
            try await connection.executeThenClose { inbound, outbound in
                guard let line = try await ControlLine.read(inbound) else { return }
                try await outbound.write(ControlLine.encode(await answer(line, connection.channel)))
            }
        } catch {
            logger.debug("control connection: \(error)")
        }
    }

    private func answer(_ line: [UInt8], _ channel: any Channel) async -> JSONValue {
        do {
            let request = try JSONValue(parsing: line)
            if request["ping"] != nil { return ["ok": true] }
            if let keeper, request["checkpoint"] != nil {
                return ["note": .string(try await keeper.checkpoint() ?? "")]
            }
            if let keeper, request["rotate_key"] != nil { return ["key": .string(try await keeper.rotate())] }
            if let detail = request["record_access"] {
                let attempt = try AccessRecord.attempt(detail, uid: try await Self.user(of: channel))
                return ["seq": .int(try await intake.record(attempt))]
            }
            if let id = request["drop_standing"]?.string {
                return ["standing": .string(try intake.standing(ofDrop: id).rawValue)]
            }
            if let id = request["discard_fetched"]?.string {
                try intake.discardFetched(id)
                return ["ok": true]
            }
            if let drop = request["adopt"] {
                return ["adopted": .string(try await intake.adopt(PulledDrop(request: drop)).status.rawValue)]
            }
            if request["openssl"] != nil { return OpenSSLCheck.facts }
            if request["problems"] != nil {
                return ["problems": .object(intake.health.problems.mapValues { .string($0) })]
            }
            if let id = request["release"]?.string { return await HeldDrops.release(id, intake) }
            guard let id = request["acknowledge"]?.string else { return ["error": "unknown request"] }
            return ["ok": .bool(try await intake.acknowledge(id))]
        } catch let error as IntakeError {
            return error.refusal
        } catch {
            return ["error": .string("\(error)")]
        }
    }

    /// What SO_PEERCRED gives (unix(7), `struct ucred`).
    private struct PeerCredentials: Sendable {
        var process: pid_t
        var user: uid_t
        var group: gid_t
    }

    /// The user of the process that connected, as the kernel knows it.
    private static func user(of channel: any Channel) async throws -> uid_t {
        guard let socket = channel as? any SocketOptionProvider else {
            throw Failure(.inside, "the user who asks is not known")
        }
        let credentials: PeerCredentials = try await socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        ).get()
        return credentials.user
    }
}

/// The other end.
package struct ControlClient {
    let path: String

    package init(path: String) { self.path = path }

    /// How long a gate may take to say that it is there.
    private static let patience = Duration.seconds(5)

    /// Whether a gate runs and answers.
    func answers() async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await ask(["ping": true]))?["ok"]?.bool == true }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    /// Returns false when there is no such released drop.
    func acknowledge(_ id: String) async throws -> Bool {
        let answer = try await ask(["acknowledge": .string(id)])
        return answer["ok"]?.bool == true
    }

    /// Returns the seq of the entry, once it is durable.
    func recordAccess(_ detail: [String: JSONValue]) async throws -> Int64 {
        let answer = try await ask(["record_access": .object(detail)])
        guard let seq = answer["seq"]?.int else { throw Failure(.inside, "the running gate gave no seq") }
        return seq
    }

    /// The gate's answer to one request. Throws `IntakeError` when its inside refuses it, and `Failure` when the
    /// gate says that it failed.
    package func ask(_ request: JSONValue) async throws -> JSONValue {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try ControlSocket.Connection(wrappingChannelSynchronously: channel)
                }
            }
        let line = try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ControlLine.encode(request))
            return try await ControlLine.read(inbound)
        }
        let answer = try JSONValue(parsing: line ?? [])
        if let refused = IntakeError(refusal: answer) { throw refused }
        if let error = answer["error"]?.string { throw Failure(.inside, "the running gate says: \(error)") }
        return answer
    }
}

enum ControlLine {
    static func encode(_ value: JSONValue) -> ByteBuffer {
        ByteBuffer(bytes: CanonicalJSON.encode(value) + [0x0A])
    }

    /// The first line without its newline; nil when the peer ends first or sends too much.
    static func read(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        for try await buffer in inbound {
            bytes.append(contentsOf: buffer.readableBytesView)
            if let end = bytes.firstIndex(of: 0x0A) { return Array(bytes[..<end]) }
            guard bytes.count <= longestLine else { return nil }
        }
        return nil
    }
}
