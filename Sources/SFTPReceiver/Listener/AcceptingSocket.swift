// A listening socket, TCP or Unix, that hands over every connection as a plain descriptor: nothing has been
// read from it and nothing written. It admits and refuses nobody.
import Admission
import CShims
@preconcurrency import Dispatch
import Glibc
import Settings
import Synchronization

/// Why a listener could not be opened.
package struct ListenError: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ what: String, errno error: Int32) {
        let advice =
            switch error {
            case EADDRINUSE: "; something listens there already: choose another port or stop it"
            case EACCES: "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
            case EADDRNOTAVAIL: "; no interface of this machine has that address"
            default: ""
            }
        description = "\(what): \(String(cString: strerror(error)))\(advice)"
    }

    init(_ description: String) { self.description = description }
}

/// An open listening socket. Closes itself.
final class AcceptingSocket: Sendable {
    let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Listens on a TCP port; 0 asks for a free one. `::` takes IPv4 as well.
    static func tcp(_ address: ListenAddress) throws(ListenError) -> AcceptingSocket {
        let socket = try open(address.ip.isIPv4 ? AF_INET : AF_INET6)
        var on: Int32 = 1
        var off: Int32 = 0
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(socket.descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        if !address.ip.isIPv4 { setsockopt(socket.descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, size) }
        let bound = SocketAddress.withSocketAddress(address.ip, port: address.port) {
            bind(socket.descriptor, $0, $1)
        }
        guard bound == 0, listen(socket.descriptor, 256) == 0 else {
            throw ListenError("cannot listen on \(address)", errno: errno)
        }
        return socket
    }

    /// Listens on a Unix socket that only this user may connect to. A socket that an earlier run left is replaced.
    static func unix(_ path: String) throws(ListenError) -> AcceptingSocket {
        guard path.utf8.count <= SocketAddress.longestUnixPath else {
            throw ListenError(
                "cannot listen on \(path): a Unix socket's path may have \(SocketAddress.longestUnixPath) bytes at most "
                    + "and this one has \(path.utf8.count); use a shorter state directory")
        }
        let socket = try open(AF_UNIX)
        unlink(path)
        guard SocketAddress.withUnixAddress(path, { bind(socket.descriptor, $0, $1) }) == 0,
            chmod(path, 0o600) == 0, listen(socket.descriptor, 64) == 0
        else {
            throw ListenError("cannot listen on \(path)", errno: errno)
        }
        return socket
    }

    private static func open(_ family: Int32) throws(ListenError) -> AcceptingSocket {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw ListenError("cannot make a socket", errno: errno) }
        return AcceptingSocket(descriptor: descriptor)
    }

    /// Accepts until `stop` is called: `take` gets each descriptor (non-blocking, close-on-exec) and owns it.
    /// `turnAway` gets those for which the process has no room, and must close them before it returns. Both
    /// are called on a queue of the listener's own, one connection after another.
    func accept(
        label: String, take: @escaping @Sendable (Int32) -> Void,
        turnAway: @escaping @Sendable (Int32) -> Void
    ) -> Acceptance {
        let source = DispatchSource.makeReadSource(
            fileDescriptor: descriptor, queue: DispatchQueue(label: label))
        let spare = SpareDescriptor()
        let acceptAll: @Sendable () -> Void = { [self] in
            while true {
                let connection = dropgate_accept(descriptor)
                if connection >= 0 {
                    take(connection)
                } else if errno == EMFILE || errno == ENFILE {
                    // Without a free descriptor the connection would stay in the queue and wake us for ever.
                    spare.release {
                        let connection = dropgate_accept(descriptor)
                        if connection >= 0 { turnAway(connection) }
                    }
                } else if errno != EINTR && errno != ECONNABORTED {
                    return
                }
            }
        }
        source.setEventHandler(handler: acceptAll)
        source.setCancelHandler { [self] in
            // Whoever got through is told; whoever comes later is refused by the system.
            acceptAll()
            _ = shutdown(descriptor, Int32(SHUT_RDWR))
        }
        source.activate()
        return Acceptance(cancel: { source.cancel() })
    }
}

/// Accepting that goes on until it is stopped.
struct Acceptance: Sendable {
    fileprivate let cancel: @Sendable () -> Void

    /// The listener closes for new callers once those are taken that it has already let in.
    func stop() { cancel() }
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
