// How many wrong passwords each source has sent of late, and what follows for its connections. Pure: time comes
// in. It knows nothing of keys, which nobody finds by trying.
//
// The trade-off: a source is all that is known of a caller before it logs in, and one address may stand for
// several services (VSee's does). So wrong passwords never shut a source out. A few make its next connections
// wait, briefly enough for clients not to give up. Many take the password away from the source: its connections
// are served at once, by key only, so that a service with a key goes on beside one that tries passwords, and only
// those that use a password are kept out until the tries are forgotten. What remains is the number of connections
// that a source may have: who fills them, held ones included, delays others of its address by seconds. Who wants
// both at one address gives each service a key. Unlike a ban that a person has to lift, all of it ends by itself.
import Admission
import Synchronization

/// What one more connection of a source gets.
struct Pace: Sendable, Hashable {
    /// How long it waits before sshd gets it.
    var hold: Duration
    /// False: only keys are taken.
    var takesPasswords: Bool

    static let free = Pace(hold: .zero, takesPasswords: true)
}

struct PasswordTries: Sendable {
    /// Wrong passwords without consequences: those of one connection of a person who mistypes.
    static let free = 4
    /// From so many on a source is let in by key only.
    static let most = 20
    /// More are not remembered: the last is forgotten after `kept * forgetting`, however long it went on.
    static let kept = 30
    /// One try is forgotten in this time: who tries for ever gets six tries a minute.
    static let forgetting = Duration.seconds(10)
    static let firstHold = Duration.seconds(1)
    /// Below the 15 s that paramiko waits for the server's first line; OpenSSH and JSch wait longer.
    static let longestHold = Duration.seconds(10)
    /// Beyond, the source nearest to being forgotten is.
    static let mostSources = 4096

    /// When the last try of a source will be forgotten: the only thing that is kept of it.
    private var forgotten: [IPAddress: ContinuousClock.Instant] = [:]

    /// Sources that are remembered.
    var count: Int { forgotten.count }

    /// Takes one wrong password and says what the source gets from now on.
    mutating func failed(_ source: IPAddress, at now: ContinuousClock.Instant) -> Pace {
        let key = Self.key(source)
        if forgotten[key] == nil, forgotten.count >= Self.mostSources { makeRoom(at: now) }
        let start = max(forgotten[key] ?? now, now)
        forgotten[key] = min(start + Self.forgetting, now + Self.forgetting * Self.kept)
        return pace(source, at: now)
    }

    /// What one more connection of a source gets.
    func pace(_ source: IPAddress, at now: ContinuousClock.Instant) -> Pace {
        let tries = tries(source, at: now)
        if tries >= Self.most { return Pace(hold: .zero, takesPasswords: false) }
        guard tries > Self.free else { return .free }
        // 1 s, 2 s, 4 s, 8 s, and no more than 10 s.
        let doublings = min(tries - Self.free - 1, 8)
        return Pace(hold: min(Self.firstHold * (1 << doublings), Self.longestHold), takesPasswords: true)
    }

    /// Tries that are not forgotten, one begun counting as one.
    func tries(_ source: IPAddress, at now: ContinuousClock.Instant) -> Int {
        guard let until = forgotten[Self.key(source)], until > now else { return 0 }
        let left = (until - now) / Self.forgetting
        return Int(left.rounded(.up))
    }

    private mutating func makeRoom(at now: ContinuousClock.Instant) {
        forgotten = forgotten.filter { $0.value > now }
        guard forgotten.count >= Self.mostSources, let least = forgotten.min(by: { $0.value < $1.value })
        else { return }
        forgotten[least.key] = nil
    }

    /// One subscriber has a /64 of IPv6 and as many addresses as it likes.
    private static func key(_ source: IPAddress) -> IPAddress {
        guard !source.isIPv4 else { return source }
        return IPAddress(bytes: source.bytes.prefix(8) + [UInt8](repeating: 0, count: 8)) ?? source
    }
}

/// The table of a running gate.
final class PasswordBrake: Sendable {
    private let tries = Mutex(PasswordTries())

    func failed(_ source: IPAddress) -> Pace {
        tries.withLock { $0.failed(source, at: .now) }
    }

    func pace(_ source: IPAddress) -> Pace {
        tries.withLock { $0.pace(source, at: .now) }
    }
}
