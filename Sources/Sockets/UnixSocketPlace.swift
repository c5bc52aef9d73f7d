// Where a Unix socket is to be in the file system: whether one can be made there. It changes nothing.
import Glibc

package enum UnixSocketPlace {
    /// Whether a path is short enough. It looks at the path alone.
    package static func checkLength(of path: String) throws(ListenError) {
        let most = SocketAddress.longestUnixPath
        guard path.utf8.count > most else { return }
        throw ListenError(
            toMend:
                "the path of the socket \(path) has \(path.utf8.count) bytes, and a Unix socket's may have \(most) at most; "
                + "use a shorter state directory")
    }

    /// Whether what has the name now gives way to a socket. An earlier socket or a file does; a directory may hold what somebody wants.
    package static func checkFree(_ path: String) throws(ListenError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        throw ListenError(
            toMend:
                "in place of the socket \(path) lies a directory, which the gate does not remove; move it away"
        )
    }
}
