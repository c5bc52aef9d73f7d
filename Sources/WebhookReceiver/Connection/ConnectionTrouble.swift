// Why a connection could not be taken, for the log of who runs the gate.
import Files
import Glibc
import NIOCore

enum ConnectionTrouble {
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as IOError: words(errno: error.errnoCode)
        case is ChannelError:
            "it ended while it was accepted; that happens, and needs no action unless it goes on"
        default: "\(error)"
        }
    }

    /// Of an errno (errno(3)).
    static func words(errno code: Int32) -> String {
        let what = SystemError(code).description
        return switch code {
        case EMFILE: "\(what); raise the limit of open files (systemd: LimitNOFILE), or lower max_connections"
        case ENFILE: "\(what); raise the machine's limit (sysctl fs.file-max)"
        case ENOBUFS, ENOMEM: "\(what); give this machine or this service more memory"
        case ECONNRESET, ECONNABORTED, EPIPE, ENOTCONN, EINVAL:
            "\(what): the caller left at once; that happens, and needs no action unless it goes on"
        default: "\(what); see the system's log"
        }
    }
}
