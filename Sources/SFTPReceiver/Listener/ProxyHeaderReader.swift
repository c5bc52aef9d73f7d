// Reads a PROXY protocol header from a socket to its last byte and not one byte further: what follows
// belongs to sshd. Blocks its thread for 3 s at most, so it runs on a queue of its own.
import Admission
import Dispatch
import Glibc

/// Why there is no header.
enum ProxyReadError: Error, Sendable, Equatable {
    /// Nothing, or not all of it, in time.
    case late
    case closed
    case malformed(String)
}

struct ProxyHeaderReader: Sendable {
    private let queue = DispatchQueue(label: "dropgate.sftp.proxy", attributes: .concurrent)

    /// From accept to the header's last byte.
    static let limit = Duration.seconds(3)

    /// Reads the header of one connection. The descriptor stays the caller's.
    func read(_ descriptor: Int32) async -> Result<ProxyHeader, ProxyReadError> {
        let deadline = ContinuousClock.now + Self.limit
        return await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(returning: Self.read(descriptor, until: deadline))
            }
        }
    }

    /// Looks at what has arrived (MSG_PEEK), lets the parser say how much of it is header, and takes that.
    static func read(
        _ descriptor: Int32, until deadline: ContinuousClock.Instant
    ) -> Result<ProxyHeader, ProxyReadError> {
        var parser = ProxyHeaderParser()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let failure = wait(descriptor, until: deadline) { return .failure(failure) }
            let seen = recv(descriptor, &buffer, buffer.count, Int32(MSG_PEEK | MSG_DONTWAIT))
            if seen < 0, errno == EINTR || errno == EAGAIN { continue }
            guard seen > 0 else { return .failure(.closed) }
            do throws(ProxyHeaderError) {
                switch try parser.feed(buffer[..<seen]) {
                case .needsMore:
                    guard take(descriptor, seen) else { return .failure(.closed) }
                case .complete(let header, let surplus):
                    guard take(descriptor, seen - surplus.count) else { return .failure(.closed) }
                    return .success(header)
                }
            } catch {
                return .failure(.malformed(error.message))
            }
        }
    }

    private static func wait(_ descriptor: Int32, until deadline: ContinuousClock.Instant) -> ProxyReadError?
    {
        while true {
            let left = (deadline - ContinuousClock.now).components
            let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
            guard milliseconds > 0 else { return .late }
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = Glibc.poll(&poll, 1, Int32(clamping: milliseconds))
            if ready > 0 { return nil }
            if ready == 0 { return .late }
            if errno != EINTR { return .closed }
        }
    }

    /// Removes bytes that were seen already.
    private static func take(_ descriptor: Int32, _ count: Int) -> Bool {
        var rest = count
        var buffer = [UInt8](repeating: 0, count: max(1, count))
        while rest > 0 {
            let got = recv(descriptor, &buffer, rest, Int32(MSG_DONTWAIT))
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return false }
            rest -= got
        }
        return true
    }
}
