// A session channel with the SFTP subsystem on it: bytes in, bytes out, and the error stream. Frees itself.
import Admission
import CLibSSH2
import Foundation

final class SSHChannel {
    private static let window: UInt32 = 2 << 20
    private static let packet: UInt32 = 32768
    private static let errorStream: Int32 = 1

    private let session: SSHSession
    private let raw: OpaquePointer
    private var buffer = [CChar](repeating: 0, count: 128 << 10)

    init(_ session: SSHSession) throws(SSHError) {
        try session.prepare()
        let kind = "session"
        guard
            let raw = libssh2_channel_open_ex(
                session.raw, kind, UInt32(kind.utf8.count), Self.window, Self.packet, nil, 0)
        else { throw session.lastError() }
        self.session = session
        self.raw = raw
    }

    deinit {
        libssh2_session_set_timeout(session.raw, 500)
        libssh2_channel_free(raw)
    }

    func subsystem(_ name: String) throws(SSHError) {
        let request = "subsystem"
        try session.prepare()
        try session.check(
            libssh2_channel_process_startup(
                raw, request, UInt32(request.utf8.count), name, UInt32(name.utf8.count)))
    }

    func write(_ bytes: [UInt8]) throws(SSHError) {
        var done = 0
        while done < bytes.count {
            try session.prepare()
            let count = bytes.withUnsafeBytes { whole in
                libssh2_channel_write_ex(
                    raw, 0, whole.baseAddress.map { $0 + done }?.assumingMemoryBound(to: CChar.self),
                    whole.count - done)
            }
            guard count >= 0 else { throw session.lastError(Int32(clamping: count)) }
            done += count
        }
    }

    /// Appends what comes next, at least a byte; false at the end of the channel.
    func read(into bytes: inout [UInt8]) throws(SSHError) -> Bool {
        try session.prepare()
        let count = libssh2_channel_read_ex(raw, 0, &buffer, buffer.count)
        guard count >= 0 else { throw session.lastError(Int32(clamping: count)) }
        buffer[..<count].withUnsafeBytes { bytes.append(contentsOf: $0) }
        return count > 0
    }

    /// What has come on the error stream so far, printable. Never waits.
    func errorText() -> String {
        libssh2_session_set_blocking(session.raw, 0)
        defer { libssh2_session_set_blocking(session.raw, 1) }
        let count = libssh2_channel_read_ex(raw, Self.errorStream, &buffer, 1024)
        guard count > 0 else { return "" }
        let bytes = buffer[..<count].map(UInt8.init(bitPattern:))
        let text = String(decoding: bytes, as: UTF8.self)
        return UntrustedText.head(text.split(whereSeparator: \.isNewline).joined(separator: "; "), limit: 300)
    }
}
