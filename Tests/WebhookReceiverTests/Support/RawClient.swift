// A TCP client that sends exactly the bytes it is told, for what no HTTP client would send. Blocking calls run on
// a queue of its own.
import Dispatch
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

final class RawClient: Sendable {
    private let socket: Int32
    private let queue = DispatchQueue(label: "raw-client")

    struct Failure: Error { var call: String }

    /// Connects from a loopback address to a port of 127.0.0.1.
    init(from source: String, port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw Failure(call: "socket") }
        var limit = timeval(tv_sec: 15, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        func with(_ ip: String, _ port: Int, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port).bigEndian)
            inet_pton(AF_INET, ip, &address.sin_addr)
            return withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        let socket = socket
        guard with(source, 0, { bind(socket, $0, $1) }) == 0 else { throw Failure(call: "bind") }
        guard with("127.0.0.1", port, { connect(socket, $0, $1) }) == 0 else {
            throw Failure(call: "connect")
        }
    }

    deinit { close(socket) }

    /// Sends all of it; false when the other side no longer takes it.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Says that nothing more will be sent.
    func finish() { shutdown(socket, Int32(SHUT_WR)) }

    /// From now on letting go of the client ends the connection with a reset.
    func resetAtEnd() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    }

    /// Everything up to the end of the connection.
    func readToEnd() async -> String { await read { _ in false } }

    /// Everything up to and including `mark`, or the end of the connection.
    func read(through mark: String) async -> String { await read { $0.contains(mark) } }

    private func read(until isEnough: @escaping @Sendable (String) -> Bool) async -> String {
        let socket = socket
        return await withCheckedContinuation { continuation in
            queue.async {
                var bytes: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 65536)
                while !isEnough(String(decoding: bytes, as: UTF8.self)) {
                    let count = recv(socket, &chunk, chunk.count, 0)
                    guard count > 0 else { break }
                    bytes += chunk[..<count]
                }
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }
}
