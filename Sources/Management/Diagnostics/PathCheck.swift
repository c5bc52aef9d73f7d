// Whether a gate can work where its state lies: a path may be longer than a socket's may be, or have marks that sshd's files cannot
// hold, and something may lie in a socket's place. Of the rest it looks at paths alone.
import Reachability
import SFTPReceiver
import Settings
import Sockets

enum PathCheck {
    static func findings(_ settings: GateSettings) -> [Finding] {
        do throws(ManagementError) { try check(settings) } catch {
            return [.fatal("filesystem", error.message, fix: Finding.mend)]
        }
        return sockets(settings).compactMap(obstacle)
    }

    static func check(_ settings: GateSettings) throws(ManagementError) {
        try check(settings.layout)
        guard let sftp = SFTPReceiver.Configuration(settings) else { return }
        do throws(SSHDError) { try sftp.checkPaths() } catch {
            throw ManagementError(error)
        }
    }

    /// The same of a gate of which nothing is made yet, with the shipped settings.
    static func check(newState state: String) throws(ManagementError) {
        try check(StateLayout(state))
        do throws(SSHDError) { try SFTPReceiver.Configuration.check(state: state) } catch {
            throw ManagementError(error)
        }
    }

    /// The control socket's path is the longest of the gate's sockets.
    private static func check(_ layout: StateLayout) throws(ManagementError) {
        do throws(ListenError) { try UnixSocketPlace.checkLength(of: layout.controlSocket) } catch {
            throw ManagementError(error)
        }
    }

    private static func sockets(_ settings: GateSettings) -> [String] {
        [settings.layout.controlSocket] + (settings.sftp == nil ? [] : [settings.layout.sshd.link])
    }

    /// What lies in the place of a socket that the gate cannot replace.
    private static func obstacle(_ socket: String) -> Finding? {
        do throws(ListenError) { try UnixSocketPlace.checkFree(socket) } catch {
            return .fatal("filesystem", error.description, fix: Finding.mend)
        }
        return nil
    }
}
