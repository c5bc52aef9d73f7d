// Whether the header block of an HTTP/2 request is well-formed (RFC 9113, 8.2 and 8.3), and what it says all the same:
// a malformed request is refused by itself, so its source and path must still be found. It decides nothing.
import Admission
import NIOHPACK

struct RequestBlock {
    /// With each pseudo-header field once and `host` as `:authority`, as HTTP/1.1's form of it needs them. Empty ones
    /// are those that were missing.
    let headers: HPACKHeaders
    /// Why the request is malformed, in a sentence for the ledger.
    let fault: String?
    /// Bytes that the body has to have, if that was said.
    let length: Int?

    init(_ block: HPACKHeaders) {
        var fault: String?
        var pseudo: [String: String] = [:]
        var fields: [(String, String)] = []
        for (name, value, _) in block {
            fault = fault ?? Self.fault(ofField: name, value)
            guard name.utf8.first == UInt8(ascii: ":") else {
                fields.append((fault == nil ? name : name.lowercased(), value))
                continue
            }
            if !fields.isEmpty {
                fault = fault ?? "the pseudo-header field \(Self.shown(name)) comes too late"
            }
            if pseudo[name] != nil {
                fault = fault ?? "the pseudo-header field \(Self.shown(name)) comes twice"
            }
            pseudo[name] = pseudo[name] ?? value
        }
        let hosts = fields.filter { $0.0 == "host" }.map(\.1)
        let authority = pseudo[":authority"] ?? hosts.first
        fault = fault ?? Self.fault(in: pseudo, hosts: hosts)
        self.fault = fault
        let lengths = fields.filter { $0.0 == "content-length" }
        length = lengths.count == 1 ? Int(lengths[0].1) : nil
        guard fault != nil || pseudo.count < Self.pseudo.count || !hosts.isEmpty else {
            headers = block
            return
        }
        var headers = HPACKHeaders()
        headers.add(name: ":method", value: Self.word(pseudo[":method"]))
        headers.add(name: ":scheme", value: Self.word(pseudo[":scheme"]))
        headers.add(name: ":authority", value: Self.word(authority))
        // The target of CONNECT is an authority, as in HTTP/1.1.
        let target = pseudo[":path"] ?? (pseudo[":method"] == "CONNECT" ? authority : nil)
        headers.add(name: ":path", value: Self.word(target))
        // The library ends the process over names that are not ASCII.
        for (name, value) in fields where name != "host" && name.utf8.allSatisfy({ $0 < 0x80 }) {
            headers.add(name: name, value: value)
        }
        self.headers = headers
    }

    /// What is wrong with the fields behind a body, where no pseudo-header field may be.
    static func fault(inTrailers block: HPACKHeaders) -> String? {
        for (name, value, _) in block {
            if name.utf8.first == UInt8(ascii: ":") { return "a pseudo-header field behind the body" }
            if let fault = fault(ofField: name, value) { return fault }
        }
        return nil
    }
}

// The rules.
extension RequestBlock {
    private static let pseudo: Set<String> = [":method", ":scheme", ":authority", ":path"]
    private static let ofConnections: Set<String> = [
        "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade",
    ]

    /// RFC 9113, 8.2.1 and 8.2.2.
    private static func fault(ofField name: String, _ value: String) -> String? {
        let bytes = value.utf8
        if name.utf8.first == UInt8(ascii: ":") {
            guard pseudo.contains(name) else { return "there is no pseudo-header field \(shown(name))" }
            return bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F }
                ? nil : "white space or a control character in \(name)"
        }
        guard !name.isEmpty, name.utf8.allSatisfy(isOfName) else {
            return name.utf8.contains { (0x41...0x5A).contains($0) }
                ? "a field name in upper case: \(shown(name))"
                : "a field name that is not valid: \(shown(name))"
        }
        if ofConnections.contains(name) { return "a field that HTTP/2 does not have: \(name)" }
        if name == "te", value.lowercased() != "trailers" { return "te other than trailers" }
        guard !bytes.contains(where: { $0 == 0 || $0 == 0x0A || $0 == 0x0D }) else {
            return "the end of a line in the field \(shown(name))"
        }
        func isBlank(_ byte: UInt8?) -> Bool { byte == 0x20 || byte == 0x09 }
        return isBlank(bytes.first) || isBlank(bytes.last)
            ? "white space around the field \(shown(name))" : nil
    }

    /// RFC 9113, 8.3.1 and 8.5. That neither `:authority` nor Host is there is for `BodyFraming` to say.
    private static func fault(in pseudo: [String: String], hosts: [String]) -> String? {
        guard let method = pseudo[":method"] else { return "no :method" }
        guard !method.isEmpty, method.utf8.allSatisfy({ isOfName($0) || (0x41...0x5A).contains($0) }) else {
            return "the :method is not valid"
        }
        if method == "CONNECT" {
            guard pseudo[":scheme"] == nil, pseudo[":path"] == nil else {
                return "CONNECT with :scheme or :path"
            }
        } else {
            guard let scheme = pseudo[":scheme"] else { return "no :scheme" }
            // A proxy may pass on how it was itself called (RFC 9110, 7.4).
            guard ["https", "http"].contains(scheme.lowercased()) else {
                return "the :scheme is neither https nor http"
            }
            guard let path = pseudo[":path"], !path.isEmpty else { return "no :path" }
        }
        if hosts.count > 1 { return "more than one host" }
        guard let authority = pseudo[":authority"] else { return hosts.first == "" ? "an empty host" : nil }
        if authority.isEmpty { return "an empty :authority" }
        guard hosts.allSatisfy({ HostField.areSame($0, authority) }) else {
            return ":authority and host name different hosts"
        }
        return nil
    }

    /// A token in lower case.
    private static func isOfName(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    private static func shown(_ name: String) -> String { UntrustedText.head(name, limit: 40) }

    /// Without what no pseudo-header field may hold; it is refused anyway.
    private static func word(_ value: String?) -> String {
        String(
            decoding: (value ?? "").utf8.map { $0 > 0x20 && $0 != 0x7F ? $0 : UInt8(ascii: "?") },
            as: UTF8.self)
    }
}
