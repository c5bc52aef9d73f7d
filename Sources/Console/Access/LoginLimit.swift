// How often somebody may try to sign in: whoever guesses is stopped before a token is looked at, by the network that they come from.
import Admission
import Synchronization

final class LoginLimit: Sendable {
    /// Failures in a row of time, after which the rest of it is waited for.
    static let most = 10
    static let window = Duration.seconds(60)
    /// Networks that are remembered.
    private static let mostNetworks = 1024

    private struct Failures {
        var count = 0
        let since: ContinuousClock.Instant
    }

    private let failures = Mutex<[CIDRBlock: Failures]>([:])

    /// How many networks have failed of late.
    var remembered: Int { failures.withLock(\.count) }

    /// How long this caller has to wait; nil: they may try now.
    func wait(_ caller: IPAddress?, at now: ContinuousClock.Instant = .now) -> Duration? {
        guard let network = Self.network(caller) else { return nil }
        return failures.withLock { failures in
            guard let seen = failures[network], seen.count >= Self.most else { return nil }
            let left = Self.window - seen.since.duration(to: now)
            return left > .zero ? left : nil
        }
    }

    func failed(_ caller: IPAddress?, at now: ContinuousClock.Instant = .now) {
        guard let network = Self.network(caller) else { return }
        failures.withLock { failures in
            if let seen = failures[network], seen.since.duration(to: now) >= Self.window {
                failures[network] = nil
            }
            if failures[network] == nil, failures.count >= Self.mostNetworks {
                failures = failures.filter { $0.value.since.duration(to: now) < Self.window }
                if failures.count >= Self.mostNetworks,
                    let oldest = failures.min(by: { $0.value.since < $1.value.since })?.key
                {
                    failures[oldest] = nil
                }
            }
            failures[network, default: Failures(since: now)].count += 1
        }
    }

    /// An IPv4 address, or the /64 that one caller has of IPv6.
    private static func network(_ caller: IPAddress?) -> CIDRBlock? {
        caller.map { $0.isIPv4 ? CIDRBlock(of: $0) : CIDRBlock(networkOf: $0) }
    }
}
