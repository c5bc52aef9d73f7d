// Which resource a request target names, and how its path may be written down. Secret parts never leave here:
// whoever records a path takes the masked one.
import Settings

/// What a request target names.
enum Route: Sendable, Equatable {
    case webhook
    case reachability
    /// Whether the gate accepts, for those who may ask.
    case health
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
    private let health: [UInt8]
    private let secret: HashedSecret?
    /// The path of accepted events, masked.
    let maskedWebhookPath: String
    private let maskedUnder: String

    init(path: String, health: String = "/healthz", secret: Secret?) {
        self.health = Array(health.utf8)
        // With a slash at its end or without, it is the same path.
        self.path = Array(path.hasSuffix("/") ? path.dropLast().utf8 : path[...].utf8)
        self.secret = secret.map { HashedSecret($0.bytes) }
        maskedUnder = path + (path.hasSuffix("/") ? "" : "/") + Self.mask
        maskedWebhookPath = secret == nil ? path : maskedUnder
    }

    /// Routes a request target: origin form, or absolute form of http and https, of which the path counts (RFC 9112,
    /// 3.2.1 and 3.2.2). Other forms are unknown, and so is one with a user in it (RFC 9110, 4.2.4).
    func route(_ target: String) -> RoutedTarget {
        guard let path = Self.path(in: target) else { return unknown(Self.withoutUser(target)) }
        let bytes = path.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        if bytes.elementsEqual(Self.reachability.utf8) {
            return RoutedTarget(route: .reachability, maskedPath: Self.reachability)
        }
        if bytes.elementsEqual(health) {
            return RoutedTarget(route: .health, maskedPath: String(decoding: health, as: UTF8.self))
        }
        guard bytes.starts(with: self.path) else { return unknown(Array(bytes)) }
        var rest = bytes.dropFirst(self.path.count)
        if rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
        if rest.isEmpty {
            guard secret != nil else { return RoutedTarget(route: .webhook, maskedPath: maskedWebhookPath) }
            return RoutedTarget(route: .wrongSecret, maskedPath: maskedWebhookPath)
        }
        guard rest.first == UInt8(ascii: "/") else { return unknown(Array(bytes)) }
        guard let secret else { return RoutedTarget(route: .unknown, maskedPath: maskedUnder) }
        let matches = secret.matches(Array(rest.dropFirst()))
        return RoutedTarget(route: matches ? .webhook : .wrongSecret, maskedPath: maskedUnder)
    }

    /// The path of a target and what follows it; nil where there is none that counts.
    private static func path(in target: String) -> Substring.UTF8View? {
        let slash = UInt8(ascii: "/")
        if target.utf8.first == slash { return target[...].utf8 }
        guard let authority = RequestTarget.authority(of: target.utf8), !authority.isEmpty,
            HostField.isValid(authority)
        else { return nil }
        let rest = target[authority.endIndex...].utf8
        return rest.first == slash ? rest : nil
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
