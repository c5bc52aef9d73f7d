// A Unix socket's name in the file system, which somebody may remove, or another process take, while this one listens.
import Files
import Glibc
package import Sockets
import Synchronization

/// The name of a listening socket, as this process has bound it last.
package final class KeptSocket: Sendable {
    private let path: String
    private let identity = Mutex<FileIdentity?>(nil)

    package init(_ path: String) { self.path = path }

    /// Binds and listens; what had the name before is removed.
    package func open() throws(ListenError) -> AcceptingSocket {
        let socket = try AcceptingSocket.unix(path)
        identity.withLock { $0 = FileIdentity(path: path) }
        return socket
    }

    /// Whether nobody is reached by the name any more: it is gone, or leads to a socket at which nobody listens, as a process that was
    /// killed leaves it. One of another process that listens is that one's.
    package var isLost: Bool {
        let found: FileIdentity?
        do throws(SystemError) { found = try FileIdentity.of(path) } catch { return false }
        guard let found else { return true }
        return found != identity.withLock(\.self) && isRefused
    }

    private var isRefused: Bool {
        let caller = socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard caller >= 0 else { return false }
        defer { close(caller) }
        let result = SocketAddress.withUnixAddress(path) { connect(caller, $0, $1) }
        return result != 0 && errno == ECONNREFUSED
    }
}
