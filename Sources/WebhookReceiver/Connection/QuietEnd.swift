// Which errors on a connection are only another way for it to end. All others are worth an entry.
import NIOCore
import TLS

extension Connection {
    /// The caller hung up: reset, or TLS without its closing message.
    func isQuietEnd(_ error: any Error) -> Bool {
        if let failure = error as? TLSError { return failure.cause == .truncated }
        return error is IOError || error is ChannelError
    }
}
