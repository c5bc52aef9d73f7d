// Which resource a request target names, and how its path may be written down. Secret parts never leave here:
// whoever records a path takes the masked one.
import Settings

/// What a request target names.
enum Route: Sendable, Equatable {
    case webhook
    case reachability
    /// Under the webhook path, with a missing or wrong secret part, or one where none belongs.
    case wrongSecret
    case unknown
}

/// A target after routing: the route, and its path as the ledger may hold it.
struct RoutedTarget: Sendable, Equatable {
    var route: Route
    /// No query, no secret part, printable ASCII, bounded.
    var maskedPath: String
}

struct Routes: Sendable {
    static let reachability = "/reachability"
    static let mask = "***"
    /// Bytes of an unknown path that are written down.
    static let longestPath = 200

    private let path: [UInt8]
    private let secret: HashedSecret?
    /// The path of accepted events, masked.
    let maskedWebhookPath: String
    private let maskedUnder: String

    init(path: String, secret: Secret?) {
        self.path = Array(path.utf8)
        self.secret = secret.map { HashedSecret($0.bytes) }
        maskedUnder = path + (path.hasSuffix("/") ? "" : "/") + Self.mask
        maskedWebhookPath = secret == nil ? path : maskedUnder
    }

    /// Routes a request target (RFC 9112, 3.2.1: origin form; other forms are unknown).
    func route(_ target: String) -> RoutedTarget {
        guard target.utf8.first == UInt8(ascii: "/") else { return unknown(Self.withoutUser(target)) }
        let bytes = target.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        if bytes.elementsEqual(Self.reachability.utf8) {
            return RoutedTarget(route: .reachability, maskedPath: Self.reachability)
        }
        guard bytes.starts(with: path) else { return unknown(Array(bytes)) }
        let rest = bytes.dropFirst(path.count)
        if rest.isEmpty {
            guard secret != nil else { return RoutedTarget(route: .webhook, maskedPath: maskedWebhookPath) }
            return RoutedTarget(route: .wrongSecret, maskedPath: maskedWebhookPath)
        }
        guard rest.first == UInt8(ascii: "/") else { return unknown(Array(bytes)) }
        guard let secret else { return RoutedTarget(route: .unknown, maskedPath: maskedUnder) }
        let matches = secret.matches(Array(rest.dropFirst()))
        return RoutedTarget(route: matches ? .webhook : .wrongSecret, maskedPath: maskedUnder)
    }

    /// A target in absolute or authority form ("http://user:password@host/path", "user:password@host:443") without
    /// user and password, and without its query.
    private static func withoutUser(_ target: String) -> [UInt8] {
        let bytes = Array(target.utf8)
        let slash = UInt8(ascii: "/")
        let colon = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
        let isAbsolute = bytes[colon...].dropFirst().starts(with: [slash, slash])
        let start = isAbsolute ? colon + 3 : 0
        var kept = bytes
        // The last one: a password that was not encoded may hold any of "/?#@".
        if let at = bytes[start...].lastIndex(of: UInt8(ascii: "@")) {
            kept.replaceSubrange(start..<at, with: Array(mask.utf8))
        }
        return Array(kept.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
    }

    /// An unknown path is written down for the security team. With a secret configured, a long last part may be
    /// that secret under a mistyped path, so parts that look like one are masked.
    private func unknown(_ path: [UInt8]) -> RoutedTarget {
        var written: [UInt8] = []
        var part: [UInt8] = []
        func flush() {
            let looksSecret = secret != nil && part.count >= 16
            written += looksSecret ? Array(Self.mask.utf8) : part
            part.removeAll(keepingCapacity: true)
        }
        for byte in path.prefix(Self.longestPath) {
            if byte == UInt8(ascii: "/") {
                flush()
                written.append(byte)
            } else {
                part.append(byte > 0x20 && byte < 0x7F ? byte : UInt8(ascii: "?"))
            }
        }
        flush()
        return RoutedTarget(route: .unknown, maskedPath: String(decoding: written, as: UTF8.self))
    }
}
