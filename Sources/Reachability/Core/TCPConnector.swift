// Connects to all addresses of a host at once, so that one that is dropped on the way cannot hide that another works,
// nor a working one that another is broken.
import Admission
import Foundation
import Sockets

struct TCPConnector {
    enum Outcome: Hashable {
        case connected
        case refused
        case timeout
        case unreachable(Int32)
        case failed(Int32)
        /// Another family than the local address that was asked for.
        case otherFamily
        /// The local address is not of this machine.
        case noSource(Int32)
        /// Given up because another address had connected for a while.
        case late
    }

    struct Attempt {
        let ip: IPAddress
        var outcome: Outcome
        var duration: Duration
    }

    struct Result {
        /// In the order of the addresses.
        var attempts: [Attempt]
        /// Of the first address that connected.
        var socket: ProbeSocket?
    }

    /// How long other addresses may still take once one has connected.
    private static let patience: Duration = .seconds(1)

    let port: UInt16
    let source: IPAddress?
    /// As in `ProbeOptions`.
    var announce: (@Sendable (Endpoint) -> Void)?

    private struct Running {
        let index: Int
        let descriptor: Int32
    }

    func connect(_ addresses: [IPAddress], until deadline: Deadline) -> Result {
        let start = ContinuousClock.now
        var attempts: [Attempt] = []
        var running: [Running] = []
        var connected: [Int: Int32] = [:]
        for (index, ip) in addresses.enumerated() {
            let (outcome, descriptor) = begin(ip)
            attempts.append(Attempt(ip: ip, outcome: outcome ?? .timeout, duration: .now - start))
            guard let descriptor else { continue }
            if outcome == .connected {
                connected[index] = descriptor
            } else {
                running.append(Running(index: index, descriptor: descriptor))
            }
        }
        var limit = connected.isEmpty ? deadline : deadline.earlier(Deadline(in: Self.patience))
        while !running.isEmpty, !limit.isPast {
            for (place, code) in Self.finished(&running, until: limit) {
                attempts[place.index].outcome = Self.classify(code)
                attempts[place.index].duration = .now - start
                if code == 0 {
                    if connected.isEmpty { limit = limit.earlier(Deadline(in: Self.patience)) }
                    connected[place.index] = place.descriptor
                } else {
                    close(place.descriptor)
                }
            }
        }
        for place in running {
            attempts[place.index].outcome = connected.isEmpty ? .timeout : .late
            attempts[place.index].duration = .now - start
            close(place.descriptor)
        }
        return Result(attempts: attempts, socket: take(connected, addresses))
    }

    /// The first address's socket; the others are closed.
    private func take(_ connected: [Int: Int32], _ addresses: [IPAddress]) -> ProbeSocket? {
        var first: ProbeSocket?
        for (index, descriptor) in connected.sorted(by: { $0.key < $1.key }) {
            if first == nil {
                first = ProbeSocket(
                    taking: descriptor, peer: Endpoint(ip: addresses[index], port: port))
            } else {
                close(descriptor)
            }
        }
        return first
    }

    /// Starts one connection: an outcome when it is known at once, a descriptor while it is of use.
    private func begin(_ ip: IPAddress) -> (Outcome?, Int32?) {
        if let source, source.isIPv4 != ip.isIPv4 { return (.otherFamily, nil) }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(SocketAddress.family(ip), kind, 0)
        guard descriptor >= 0 else { return (Self.classify(errno), nil) }
        var on: Int32 = 1
        _ = setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        if let source, SocketAddress.withSocketAddress(source, port: 0, { bind(descriptor, $0, $1) }) != 0 {
            let code = errno
            close(descriptor)
            return (.noSource(code), nil)
        }
        if let announce, Self.isOwn(ip), let local = Self.local(descriptor, from: source ?? ip) {
            announce(local)
        }
        let result = SocketAddress.withSocketAddress(ip, port: port) {
            Foundation.connect(descriptor, $0, $1)
        }
        if result == 0 { return (.connected, descriptor) }
        let code = errno
        if code == EINPROGRESS || code == EINTR { return (nil, descriptor) }
        close(descriptor)
        return (Self.classify(code), nil)
    }

    /// Whether an address is one of this machine's: a socket can be bound to it.
    private static func isOwn(_ ip: IPAddress) -> Bool {
        guard ip.bytes.contains(where: { $0 != 0 }) else { return false }
        let descriptor = socket(
            SocketAddress.family(ip), Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return SocketAddress.withSocketAddress(ip, port: 0) { bind(descriptor, $0, $1) } == 0
    }

    /// From where a socket will call; it is bound for that, to an address of this machine. A call to an own address comes
    /// from that address anyway.
    private static func local(_ descriptor: Int32, from ip: IPAddress) -> Endpoint? {
        if let bound = SocketAddress.local(descriptor), bound.port ?? 0 != 0 { return bound }
        guard SocketAddress.withSocketAddress(ip, port: 0, { bind(descriptor, $0, $1) }) == 0 else {
            return nil
        }
        return SocketAddress.local(descriptor)
    }

    /// Waits for one or more connections to end their attempt, and takes them out with their SO_ERROR.
    private static func finished(_ running: inout [Running], until limit: Deadline) -> [(Running, Int32)] {
        var watched = running.map { pollfd(fd: $0.descriptor, events: Int16(POLLOUT), revents: 0) }
        guard poll(&watched, nfds_t(watched.count), limit.milliseconds) > 0 else { return [] }
        var done: [(Running, Int32)] = []
        for (place, event) in zip(running, watched) where event.revents != 0 {
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            if getsockopt(place.descriptor, SOL_SOCKET, SO_ERROR, &code, &size) != 0 { code = errno }
            done.append((place, code))
        }
        let ended = Set(done.map(\.0.index))
        running.removeAll { ended.contains($0.index) }
        return done
    }

    /// What an errno of connect(2) means.
    static func classify(_ code: Int32) -> Outcome {
        switch code {
        case 0: .connected
        case ECONNREFUSED: .refused
        case ETIMEDOUT: .timeout
        case EHOSTUNREACH, ENETUNREACH, EACCES, EPERM, EADDRNOTAVAIL, EAFNOSUPPORT: .unreachable(code)
        default: .failed(code)
        }
    }
}
