// A listening socket, TCP or Unix, that hands over every connection as a plain descriptor: nothing has been
// read from it and nothing written. It admits and refuses nobody.
package import Admission
import CShims
import Dispatch
import Files
import Glibc
import Synchronization

/// Why a listener could not be opened.
package struct ListenError: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// errno(3); nil: it is about something else.
    package let code: Int32?
    /// Until somebody mends it every other try fails, too.
    package let needsMending: Bool

    /// - Parameter isPath: it is about a file, of which nothing that is to be said of ports holds.
    package init(_ what: String, errno error: Int32, isPath: Bool = false) {
        code = error
        needsMending = false
        let advice =
            switch error {
            case _ where isPath: ""
            case EADDRINUSE: "; something listens there already: choose another port or stop it"
            case EACCES: "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
            case EADDRNOTAVAIL: "; no interface of this machine has that address"
            default: ""
            }
        description = "\(what): \(SystemError(error))\(advice)"
    }

    /// - Parameter description: with what to do.
    init(toMend description: String) {
        self.description = description
        code = nil
        needsMending = true
    }
}

/// An open listening socket. Closes itself.
package final class AcceptingSocket: Sendable {
    package let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Connections that may wait to be accepted; the system allows 4096 as a rule (listen(2)).
    private static let backlog: Int32 = 1024

    /// Listens on a TCP port; 0 and none ask for a free one. `::` takes IPv4 as well.
    package static func tcp(_ address: Endpoint) throws(ListenError) -> AcceptingSocket {
        let socket = try open(SocketAddress.family(address.ip))
        var on: Int32 = 1
        var off: Int32 = 0
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        // Connections inherit it, also those that sshd is given, which sets it itself only once a session begins. With Nagle's
        // algorithm a short message waits until the one before is acknowledged, and callers delay that, by 40 ms as a rule (tcp(7)).
        setsockopt(socket.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        if !address.ip.isIPv4 { setsockopt(socket.descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size) }
        let bound = SocketAddress.withSocketAddress(address.ip, port: address.port ?? 0) {
            bind(socket.descriptor, $0, $1)
        }
        guard bound == 0, listen(socket.descriptor, backlog) == 0 else {
            throw ListenError("cannot listen on \(address)", errno: errno)
        }
        return socket
    }

    /// Listens on a Unix socket that only this user may connect to. A socket that an earlier run left is replaced.
    package static func unix(_ path: String) throws(ListenError) -> AcceptingSocket {
        try UnixSocketPlace.checkLength(of: path)
        try UnixSocketPlace.checkFree(path)
        let socket = try open(AF_UNIX)
        guard unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR else {
            throw ListenError("cannot remove \(path), where a socket is to be", errno: errno, isPath: true)
        }
        guard SocketAddress.withUnixAddress(path, { bind(socket.descriptor, $0, $1) }) == 0,
            chmod(path, 0o600) == 0, listen(socket.descriptor, 64) == 0
        else {
            throw ListenError("cannot listen on \(path)", errno: errno, isPath: true)
        }
        return socket
    }

    private static func open(_ family: Int32) throws(ListenError) -> AcceptingSocket {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw ListenError("cannot make a socket", errno: errno) }
        return AcceptingSocket(descriptor: descriptor)
    }

    /// The port that is listened on: the system's choice where 0 was asked for. nil for a Unix socket.
    package var port: UInt16? { SocketAddress.local(descriptor)?.port }

    /// Accepts until `stop` is called: `take` gets each descriptor (non-blocking, close-on-exec) with the address that
    /// came with it, and owns it. `turnAway` gets those for which the process has no room, and must close them before it
    /// returns. Both are called on a thread of the listener's own, one connection after another.
    package func accept(
        label: String, take: @escaping Taker, turnAway: @escaping Taker
    ) -> Acceptance {
        let stopping = StopSignal()
        let loop = AcceptLoop(socket: self, take: take, turnAway: turnAway)
        // A serial queue of its own: the system makes a thread for it.
        DispatchQueue(label: label).async { loop.run(until: stopping) }
        return Acceptance(stopping: stopping)
    }

    package typealias Taker = @Sendable (_ descriptor: Int32, _ peer: Endpoint?) -> Void
}

/// Accepting that goes on until it is stopped.
package struct Acceptance: Sendable {
    fileprivate let stopping: StopSignal

    /// The listener closes for new callers once those are taken that it has already let in.
    package func stop() { stopping.send() }

    /// Stops, and returns when nobody will be taken or turned away any more.
    package func end() async {
        stopping.send()
        await stopping.ended()
    }
}

/// What wakes a thread that waits in poll(2), an eventfd, and what waits for its end.
private final class StopSignal: Sendable {
    private enum State {
        case running([CheckedContinuation<Void, Never>])
        case ended
    }

    let descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    private let state = Mutex(State.running([]))

    deinit { close(descriptor) }

    func send() { eventfd_write(descriptor, 1) }

    func finish() {
        let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
            defer { state = .ended }
            if case .running(let waiters) = state { return waiters }
            return []
        }
        for waiter in waiters { waiter.resume() }
    }

    func ended() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock {
                guard case .running(let waiters) = $0 else { return true }
                $0 = .running(waiters + [continuation])
                return false
            }
            if hasEnded { continuation.resume() }
        }
    }
}

private struct AcceptLoop: Sendable {
    /// How long nothing is accepted when the system has no memory for it: trying at once would only burn time.
    private static let pause: Int32 = 100  // milliseconds
    /// Connections that are taken before the stop is looked for.
    private static let batch = 256

    private enum Outcome {
        case mayHaveMore, nobodyWaits, noRoom
    }

    let socket: AcceptingSocket
    let take: AcceptingSocket.Taker
    let turnAway: AcceptingSocket.Taker
    private let spare = SpareDescriptor()

    init(
        socket: AcceptingSocket, take: @escaping AcceptingSocket.Taker,
        turnAway: @escaping AcceptingSocket.Taker
    ) {
        self.socket = socket
        self.take = take
        self.turnAway = turnAway
    }

    func run(until stopping: StopSignal) {
        defer { stopping.finish() }
        var watched = [
            pollfd(fd: stopping.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let isWoken = (try? SystemCall.retrying { poll(&watched, 2, -1) }) != nil
            let outcome = acceptBatch()
            if !isWoken || watched[0].revents != 0 { break }
            if outcome == .noRoom { poll(&watched, 1, Self.pause) }
        }
        // Whoever got through is told; whoever comes later is refused by the system.
        _ = shutdown(socket.descriptor, Int32(SHUT_RDWR))
    }

    private func acceptBatch() -> Outcome {
        for _ in 0..<Self.batch {
            let outcome = acceptOne()
            if outcome != .mayHaveMore { return outcome }
        }
        return .mayHaveMore
    }

    private func acceptOne() -> Outcome {
        var peer = sockaddr_storage()
        let connection = dropgate_accept(socket.descriptor, &peer)
        if connection >= 0 {
            take(connection, SocketAddress.endpoint(peer))
            return .mayHaveMore
        }
        switch errno {
        case EAGAIN, EBADF, EINVAL: return .nobodyWaits
        case EMFILE, ENFILE: return turnOneAway()
        case ENOBUFS, ENOMEM: return .noRoom
        // The connection's own errors, which accept(2) passes on: the next one is another.
        default: return .mayHaveMore
        }
    }

    /// Without a free descriptor a connection would stay in the queue and wake us for ever. The system says that there is
    /// none before it looks whether anybody waits, so that must be seen here.
    private func turnOneAway() -> Outcome {
        var outcome = Outcome.mayHaveMore
        spare.release {
            var peer = sockaddr_storage()
            let connection = dropgate_accept(socket.descriptor, &peer)
            if connection >= 0 {
                turnAway(connection, SocketAddress.endpoint(peer))
            } else {
                outcome = errno == EAGAIN ? .nobodyWaits : .noRoom
            }
        }
        return outcome
    }
}

/// A descriptor kept to have one when there are none left.
private final class SpareDescriptor: Sendable {
    private let descriptor = Mutex(SpareDescriptor.open())

    deinit { descriptor.withLock { _ = close($0) } }

    /// Lends the descriptor's place to `body`.
    func release(_ body: () -> Void) {
        descriptor.withLock { descriptor in
            close(descriptor)
            body()
            descriptor = Self.open()
        }
    }

    private static func open() -> Int32 { Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }
}
