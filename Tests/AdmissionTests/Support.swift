// What the suites share: a generator with a fixed seed, so that a failure can be repeated, and short ways to
// write values.
import Admission
import Testing

/// SplitMix64. Not for secrets.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Any byte, or one of `often` in half of the cases.
    mutating func bytes(count: Int, often: [UInt8] = []) -> [UInt8] {
        (0..<count).map { _ in
            if !often.isEmpty && Bool.random(using: &self), let byte = often.randomElement(using: &self) {
                return byte
            }
            return UInt8.random(in: 0...255, using: &self)
        }
    }

    mutating func ip() throws -> IPAddress {
        let chosen: [UInt8]
        switch Int.random(in: 0..<4, using: &self) {
        case 0: chosen = bytes(count: 16)
        // Runs of zero groups, for RFC 5952.
        case 1: chosen = bytes(count: 8).flatMap { $0 < 150 ? [0, 0] : [$0 & 3, $0] }
        default: chosen = bytes(count: 4)
        }
        return try #require(IPAddress(bytes: chosen))
    }
}

func ip(_ text: String) throws -> IPAddress { try IPAddress(text) }

extension AddressResolver {
    /// A request that has lines of both forwarding headers.
    func resolve(peer: Endpoint?, forwardedFor: [String], forwarded: [String]) -> Resolution {
        resolve(peer: peer) { ["x-forwarded-for": forwardedFor, "forwarded": forwarded][$0] ?? [] }
    }
}

func endpoint(_ text: String, _ port: UInt16? = nil) throws -> Endpoint {
    Endpoint(ip: try IPAddress(text), port: port)
}

func entry(
    _ cidr: String, list: String = "vsee-qatar", service: String = "clinic",
    channels: Set<Channel> = [.webhook, .sftp], expires: Instant? = nil,
    mode: SourceEntry.Mode = .enforce, note: String? = nil
) throws -> SourceEntry {
    SourceEntry(
        list: list, service: service, cidr: try CIDRBlock(cidr), channels: channels, expires: expires,
        mode: mode, note: note)
}

let noon = Instant(microseconds: 1_795_435_200_000_000)
