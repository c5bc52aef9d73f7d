// Where a request's body ends, decided once and strictly: a message that two servers could read differently is
// refused (request smuggling; RFC 9112, 6.3). NIO's parser refuses most of these; this does not rely on it.
import NIOHTTP1

/// How a request's body is delimited.
enum BodyFraming: Sendable, Equatable {
    case none
    case exactly(Int)
    case untilEnd
    /// Ambiguous or not as the RFC demands; why.
    case refused(String)

    /// RFC 9113, 8.3.1, of HTTP/2 alone: HTTP/1.1 has one answer for no host and for two.
    static let withoutHost = BodyFraming.refused("neither :authority nor host says which host is meant")

    init(_ head: HTTPRequestHead) {
        if let fault = RequestTarget.fault(in: head) {
            self = .refused(fault)
            return
        }
        let lengths = head.headers["content-length"]
        let encodings = head.headers["transfer-encoding"]
        let hosts = head.headers["host"]
        guard hosts.allSatisfy({ HostField.isValid($0.utf8) }) else {
            self = .refused("the host field is not a host")
            return
        }
        guard head.version.major < 2 else {
            if hosts == [""] {
                self = .withoutHost
                return
            }
            // The HTTP/2 codec writes `transfer-encoding: chunked` where no length was given.
            self = Self.length(lengths) ?? (encodings.isEmpty ? .none : .untilEnd)
            return
        }
        if hosts.count > 1 || (hosts.isEmpty && head.version.minor > 0) {
            self = .refused("exactly one host header is needed")
        } else if encodings.isEmpty {
            self = Self.length(lengths) ?? .none
        } else if !lengths.isEmpty {
            self = .refused("content-length beside transfer-encoding")
        } else if head.version.minor == 0 {
            self = .refused("transfer-encoding in HTTP/1.0")
        } else if encodings.count == 1, encodings[0].lowercased() == "chunked" {
            self = .untilEnd
        } else {
            self = .refused("transfer-encoding other than chunked")
        }
    }

    private static func length(_ values: [String]) -> BodyFraming? {
        guard let value = values.first else { return nil }
        guard values.count == 1 else { return .refused("content-length more than once") }
        guard !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            return .refused("content-length is not a number")
        }
        guard let length = Int(value) else { return .exactly(.max) }
        return length == 0 ? BodyFraming.none : .exactly(length)
    }

    var hasBody: Bool {
        switch self {
        case .none: false
        case .exactly, .untilEnd, .refused: true
        }
    }
}
