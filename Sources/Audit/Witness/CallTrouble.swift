// Why a call to another machine failed: what it was and what to look at next. Libraries' words, which name their own
// types and system calls, are kept out of it.
import Files
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import TLS

enum CallTrouble {
    /// Without a capital and a full stop: it stands behind the name of what was called.
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            // The error that happened to the last address that was tried.
            if let last = error.connectionErrors.last { return words(last.error) }
            return "its name is not known here; check its spelling, and this machine's DNS"
        case let error as IOError: return words(errno: error.errnoCode)
        case let error as TLSError: return "TLS fails: \(error.words); \(next(error.cause))"
        case let error as OpenSSLError: return "TLS fails: \(error.words); run `dropgate doctor`"
        case ChannelError.connectTimeout(let bound): return silent(bound.nanoseconds / 1_000_000_000)
        case is ChannelError: return "it ended the connection too soon; look into its log"
        case is HTTPParserError: return "what it answers is not HTTP; see whether the port is right"
        case let error as OutgoingError: return "\(error)"
        case is CancellationError: return "it was ended here before it was done"
        default:
            if let error = SystemError(of: error) { return words(errno: error.code) }
            return "it fails in an unknown way (\(type(of: error))); report this"
        }
    }

    /// Of an errno (errno(3)).
    static func words(errno code: Int32) -> String {
        switch code {
        case ECONNREFUSED: "nobody listens there; see whether it runs, and whether the port is right"
        case EHOSTUNREACH, ENETUNREACH:
            "there is no route to it; check this machine's routes and the firewall"
        case ETIMEDOUT:
            "nothing comes back from it; see whether it is up, and whether a firewall drops the packets"
        case ECONNRESET, EPIPE: "it broke the connection off; look into its log"
        default: "\(SystemError(code).description.lowercased()); check the path to it"
        }
    }

    static func silent(_ seconds: Int64) -> String {
        "it did not answer within \(seconds) s; see whether it is up, and whether a firewall drops the packets"
    }

    private static func next(_ cause: TLSError.Cause) -> String {
        switch cause {
        case .badCertificate: "see its certificate, and whether its authority is one that is trusted here"
        case .notTLS: "see whether the port is right"
        case .certificateWanted, .certificateRefused, .noCertificate:
            "see which client certificate it wants"
        case .version, .algorithms: "see which versions and ciphers it speaks; TLS 1.2 at least"
        case .unrecognizedName: "see whether the name is right"
        case .refused, .closedInHandshake, .truncated, .unread, .other: "look into its log"
        }
    }
}
