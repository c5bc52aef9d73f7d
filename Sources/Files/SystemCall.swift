// The system's calls on what is open, each carried to its end. They know no paths and word no errors: callers have both.
import Glibc

package enum SystemCall {
    /// Makes a call again as long as signals interrupt it (EINTR, signal(7)). What it returns is not negative.
    package static func retrying<Count: SignedInteger>(_ call: () -> Count) throws(SystemError) -> Count {
        while true {
            let count = call()
            guard count < 0 else { return count }
            guard errno == EINTR else { throw .last }
        }
    }

    /// Writes all the bytes at the descriptor's position. After a failure some may have arrived.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemError) {
        try all(bytes) { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    /// Writes all the bytes from an offset on. After a failure some may have arrived.
    package static func write(
        _ bytes: [UInt8], to descriptor: Int32, at offset: Int64
    ) throws(SystemError) {
        var place = offset
        try all(bytes) { piece in
            let count = pwrite(descriptor, piece.baseAddress, piece.count, off_t(place))
            if count > 0 { place += Int64(count) }
            return count
        }
    }

    /// Sends all the bytes over a blocking socket. EPIPE, and no signal, when nobody takes them any more.
    package static func send(_ bytes: [UInt8], to socket: Int32) throws(SystemError) {
        try all(bytes) { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// Writes what can be written of the bytes, and says how many arrived and why that is not all of them.
    package static func writeSome(
        _ bytes: ArraySlice<UInt8>, to descriptor: Int32
    ) -> (count: Int, error: SystemError?) {
        some(bytes) { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }

    private static func all(_ bytes: [UInt8], _ put: (UnsafeRawBufferPointer) -> Int) throws(SystemError) {
        if let error = some(bytes[...], put).error { throw error }
    }

    private static func some(
        _ bytes: ArraySlice<UInt8>, _ put: (UnsafeRawBufferPointer) -> Int
    ) -> (count: Int, error: SystemError?) {
        var rest = bytes
        while !rest.isEmpty {
            do throws(SystemError) {
                let count = try retrying { rest.withUnsafeBytes(put) }
                // Neither a file nor a blocking socket takes nothing.
                guard count > 0 else { throw SystemError(EIO) }
                rest = rest.dropFirst(count)
            } catch {
                return (bytes.count - rest.count, error)
            }
        }
        return (bytes.count, nil)
    }

    /// Whether nobody is at the other end of a pipe, a socket or a terminal any more, or the descriptor is not open. A peer that
    /// only sends no more is still there.
    package static func hasEnded(_ descriptor: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&watched, 1, 0) > 0 && watched.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0
    }

    /// The names in a directory (opendir(3)), without `.` and `..`, in no order. All of them or none: half would be taken for all.
    package static func names(of directory: OpaquePointer) throws(SystemError) -> [String] {
        var names: [String] = []
        while true {
            // readdir(3): the end and an error look the same but for errno.
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw .last }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// All bytes of a regular file from its start; nil when there are more than `limit`.
    package static func contents(of descriptor: Int32, limit: Int) throws(SystemError) -> [UInt8]? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last }
        // What says that it is short is read to its end all the same: files of /proc say 0.
        guard status.st_size <= limit else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size))
        var piece = [UInt8](repeating: 0, count: min(limit + 1, 64 << 10))
        while true {
            let count = try retrying { pread(descriptor, &piece, piece.count, off_t(bytes.count)) }
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= limit else { return nil }
        }
    }
}
