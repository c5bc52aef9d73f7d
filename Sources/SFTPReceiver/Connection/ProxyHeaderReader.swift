// Reads a PROXY protocol header from a socket to its last byte and not one byte further: what follows
// belongs to sshd. Nothing waits on a thread: a proxy may keep hundreds of silent connections open (it probes
// ports so), and a blocked thread for each would take those that webhooks need.
import Admission
@preconcurrency import Dispatch
import Files
import Glibc
import Synchronization

/// Why there is no header.
enum ProxyReadError: Error, Sendable, Equatable {
    /// Nothing, or not all of it, in time.
    case late
    case closed
    case malformed(String)
}

struct ProxyHeaderReader: Sendable {
    /// From accept to the header's last byte.
    static let limit = Duration.seconds(3)

    /// One queue for all connections: what a peer sends takes microseconds of it, and a silent peer nothing.
    private let queue = DispatchQueue(label: "dropgate.sftp.proxy")
    private let limit: Duration

    init(limit: Duration = Self.limit) { self.limit = limit }

    /// Reads the header of one connection. The descriptor stays the caller's, who may close it when this returns.
    func read(_ descriptor: Int32) async -> Result<ProxyHeader, ProxyReadError> {
        await withCheckedContinuation { continuation in
            let progress = HeaderProgress(descriptor)
            let readable = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            let timer = DispatchSource.makeTimerSource(queue: queue)
            let end: @Sendable () -> Void = {
                timer.cancel()
                readable.cancel()
            }
            readable.setEventHandler { if progress.advance() { end() } }
            timer.setEventHandler {
                progress.fail(.late)
                end()
            }
            // Only now has the kernel forgotten the descriptor, so that its number may be used again.
            readable.setCancelHandler { continuation.resume(returning: progress.outcome) }
            timer.schedule(deadline: .now() + .nanoseconds(limit.nanoseconds))
            timer.activate()
            readable.activate()
        }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int {
        Int(components.seconds) * 1_000_000_000 + Int(components.attoseconds / 1_000_000_000)
    }
}

/// How far the header of one connection has come.
private final class HeaderProgress: Sendable {
    private struct State {
        var parser = ProxyHeaderParser()
        var outcome: Result<ProxyHeader, ProxyReadError>?
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    var outcome: Result<ProxyHeader, ProxyReadError> { state.withLock { $0.outcome ?? .failure(.late) } }

    func fail(_ error: ProxyReadError) {
        state.withLock { $0.outcome = $0.outcome ?? .failure(error) }
    }

    /// Takes what has arrived of the header. True: it is whole, or there will be none.
    func advance() -> Bool {
        state.withLock { state in
            if state.outcome == nil { state.outcome = step(&state.parser) }
            return state.outcome != nil
        }
    }

    /// Looks at what has arrived (MSG_PEEK), lets the parser say how much of it is header, and takes that.
    private func step(_ parser: inout ProxyHeaderParser) -> Result<ProxyHeader, ProxyReadError>? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let seen: Int
            do throws(SystemError) {
                seen = try SystemCall.retrying {
                    recv(descriptor, &buffer, buffer.count, Int32(MSG_PEEK | MSG_DONTWAIT))
                }
            } catch {
                return error.code == EAGAIN ? nil : .failure(.closed)
            }
            guard seen > 0 else { return .failure(.closed) }
            do throws(ProxyHeaderError) {
                switch try parser.feed(buffer[..<seen]) {
                case .needsMore:
                    guard take(seen) else { return .failure(.closed) }
                case .complete(let header, let surplus):
                    guard take(seen - surplus.count) else { return .failure(.closed) }
                    return .success(header)
                }
            } catch {
                return .failure(.malformed(error.message))
            }
        }
    }

    /// Removes bytes that were seen already.
    private func take(_ count: Int) -> Bool {
        var rest = count
        var buffer = [UInt8](repeating: 0, count: max(1, count))
        while rest > 0 {
            let got = try? SystemCall.retrying { recv(descriptor, &buffer, rest, Int32(MSG_DONTWAIT)) }
            guard let got, got > 0 else { return false }
            rest -= got
        }
        return true
    }
}
