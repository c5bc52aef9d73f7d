// Between libssh2 and the socket: gives it the identification that was read already, keeps back the one that was
// sent already, and keeps the first bytes of the other side, whose offer of algorithms the library does not show.
import CLibSSH2
import Foundation

final class SSHWire {
    private static let mostKept = 16384

    private var replay: ArraySlice<UInt8>
    /// Bytes of the library's own identification line that are still to be kept back.
    private var heldBack = (SSHGreeting.own + "\r\n").utf8.count
    /// The first bytes from the other side, its identification included.
    private(set) var seen: [UInt8]
    private(set) var isClosed = false

    init(_ greeting: SSHGreeting) {
        replay = greeting.bytes[...]
        seen = greeting.bytes
    }

    /// Has the session read and write through this object, which must live as long as the session.
    func install(in session: OpaquePointer) {
        CLibSSH2_set_callbacks(session, Self.receive, Self.transmit)
    }

    private typealias Receive =
        @convention(c) (
            Int32, UnsafeMutableRawPointer?, Int, Int32, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
        ) -> Int
    private typealias Transmit =
        @convention(c) (
            Int32, UnsafeRawPointer?, Int, Int32, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
        ) -> Int

    private static let receive: Receive = { descriptor, buffer, length, flags, abstract in
        guard let buffer, let wire = abstract?.pointee else { return -Int(EINVAL) }
        return Unmanaged<SSHWire>.fromOpaque(wire).takeUnretainedValue()
            .receive(descriptor, UnsafeMutableRawBufferPointer(start: buffer, count: length), flags)
    }

    private static let transmit: Transmit = { descriptor, buffer, length, flags, abstract in
        guard let buffer, let wire = abstract?.pointee else { return -Int(EINVAL) }
        return Unmanaged<SSHWire>.fromOpaque(wire).takeUnretainedValue()
            .transmit(descriptor, UnsafeRawBufferPointer(start: buffer, count: length), flags)
    }

    private func receive(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ flags: Int32) -> Int
    {
        if !replay.isEmpty {
            let piece = replay.prefix(buffer.count)
            buffer.copyBytes(from: piece)
            replay = replay.dropFirst(piece.count)
            return piece.count
        }
        let count = recv(descriptor, buffer.baseAddress, buffer.count, flags)
        if count < 0 {
            if errno == ECONNRESET { isClosed = true }
            return -Int(errno)
        }
        if count == 0 { isClosed = true }
        if seen.count < Self.mostKept { seen += buffer[..<count].prefix(Self.mostKept - seen.count) }
        return count
    }

    private func transmit(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, _ flags: Int32) -> Int {
        if heldBack > 0 {
            let count = min(heldBack, buffer.count)
            heldBack -= count
            return count
        }
        let count = send(descriptor, buffer.baseAddress, buffer.count, flags | Int32(MSG_NOSIGNAL))
        if count < 0 {
            if errno == EPIPE || errno == ECONNRESET { isClosed = true }
            return -Int(errno)
        }
        return count
    }
}
