// Whether a request target is one that a server may be sent (RFC 9112, 3.2; RFC 9113, 8.3.1). Which resource it names is
// for `Routes`; what is neither wrong nor known is not found there.
import NIOHTTP1

enum RequestTarget {
    /// What is wrong with it, in a sentence for the ledger.
    static func fault(in head: HTTPRequestHead) -> String? {
        let target = head.uri.utf8
        // RFC 3986, 3.5: a fragment stays with the client.
        if target.contains(UInt8(ascii: "#")) { return "a fragment in the target" }
        if target.first == UInt8(ascii: "/") || head.method == .CONNECT { return nil }
        if head.version.major >= 2 {
            return head.uri == "*" && head.method == .OPTIONS ? nil : "the :path does not begin with a slash"
        }
        guard let authority = authority(of: target) else { return nil }
        // RFC 9110, 4.2.1 and 4.2.4.
        if authority.contains(UInt8(ascii: "@")) { return "a user in the target" }
        guard let first = authority.first, first != UInt8(ascii: ":"), HostField.isValid(authority) else {
            return "the host in the target is not one"
        }
        return nil
    }

    /// The authority of an absolute form; nil for other forms and other schemes.
    static func authority(of target: String.UTF8View) -> Substring.UTF8View? {
        let start = target.prefix(8).map { $0 | 0x20 }
        let count =
            start.starts(with: Array("https://".utf8))
            ? 8 : start.starts(with: Array("http://".utf8)) ? 7 : 0
        guard count > 0 else { return nil }
        return target.dropFirst(count).prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
    }
}
