// The standard error of one sshd, message by message. sshd writes line breaks of a caller's name as they are,
// so that lines of a byte stream could be forged; a SOCK_SEQPACKET socket keeps every write(2), which is one
// message, apart from the next.
@preconcurrency import Dispatch
import Files
import Glibc
import Sockets

/// Both ends of the socket. The write end goes to sshd and is closed here once it has been started.
struct SSHDLogSocket: Sendable {
    let writeEnd: Int32
    /// One element a message; ends when every process that had the write end is gone.
    let messages: AsyncStream<String>

    /// sshd's longest message is 1 KiB.
    private static let maximumMessage = 8 << 10

    init() throws(ListenError) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw ListenError("cannot make a socket for sshd's log", errno: errno)
        }
        let readEnd = ends[0]
        writeEnd = ends[1]
        let (messages, continuation) = AsyncStream.makeStream(of: String.self)
        self.messages = messages
        let source = DispatchSource.makeReadSource(
            fileDescriptor: readEnd, queue: DispatchQueue(label: "dropgate.sftp.log"))
        source.setEventHandler {
            while let message = Self.receive(readEnd) {
                guard !message.isEmpty else {
                    continuation.finish()
                    return
                }
                continuation.yield(String(decoding: message, as: UTF8.self))
            }
        }
        source.setCancelHandler { close(readEnd) }
        continuation.onTermination = { _ in source.cancel() }
        source.activate()
    }

    /// One message; empty at the end; nil when there is none now.
    private static func receive(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: maximumMessage)
        do throws(SystemError) {
            let count = try SystemCall.retrying {
                recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            }
            return Array(buffer.prefix(count))
        } catch {
            return error.code == EAGAIN ? nil : []
        }
    }
}
