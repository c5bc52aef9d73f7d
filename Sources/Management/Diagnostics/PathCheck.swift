// Whether a gate can work where its state lies: a path may be longer than a socket's may be, or have marks that sshd's files cannot
// hold. It looks at paths alone.
import Reachability
import SFTPReceiver
import Settings
import Sockets

enum PathCheck {
    static func findings(_ settings: GateSettings) -> [Finding] {
        do throws(ManagementError) {
            try check(settings)
            return []
        } catch {
            return [.fatal("filesystem", error.message, fix: Finding.mend)]
        }
    }

    static func check(_ settings: GateSettings) throws(ManagementError) {
        try check(socket: settings.controlSocket)
        guard let sftp = SFTPReceiver.Configuration(settings) else { return }
        do throws(SSHDError) { try sftp.checkPaths() } catch {
            throw ManagementError(error)
        }
    }

    /// The same of a gate of which nothing is made yet, with the shipped settings.
    static func check(newState state: String) throws(ManagementError) {
        try check(socket: state + "/run/control.sock")
        do throws(SSHDError) { try SFTPReceiver.Configuration.check(state: state) } catch {
            throw ManagementError(error)
        }
    }

    /// - Parameter path: of the control socket, which is the longest of the gate's.
    private static func check(socket path: String) throws(ManagementError) {
        let most = SocketAddress.longestUnixPath
        guard path.utf8.count > most else { return }
        throw ManagementError(
            .configuration,
            "the path of the socket \(path) has \(path.utf8.count) bytes, and a Unix socket's may have \(most) at most; use a "
                + "shorter state directory")
    }
}
