// What somebody who looks into a refusal needs beside its reason, in the words of its entry.
import Admission
import Foundation
import JSON

struct RefusalWords {
    private let entry: JSONValue

    init(_ entry: JSONValue) { self.entry = entry }

    private var detail: JSONValue? { entry["detail"] }
    private var reason: Reason? { entry["reason"]?.string.flatMap(Reason.init) }
    private var isRefused: Bool { entry["verdict"]?.string == Verdict.rejected.rawValue }

    /// By what a login was tried: its methods, and the key.
    var login: [String] {
        guard entry["kind"]?.string == "login" || detail?["kind"]?.string == "login" else { return [] }
        let tried = detail?["methods"]?.array?.compactMap(\.string) ?? []
        let methods = detail?["method"]?.string.map { [$0] } ?? tried
        var words = methods.isEmpty ? [] : ["by \(methods.joined(separator: ", "))"]
        if let key = entry["credential"]?.string, key != "password" { words.append(key) }
        return words
    }

    /// Each in brackets, so that they stand apart from the entry's own message.
    var reasons: [String] {
        var words: [String] = []
        if detail?["own"]?.bool == true { words.append("this machine's own check") }
        if isRefused {
            words += [listing, alert, detail?["hint"]?.string].compactMap(\.self)
            words += [privateAddress].compactMap(\.self)
        }
        words += [way].compactMap(\.self)
        return words.map { "(\($0))" }
    }

    /// The entries that would have let the source in.
    private var listing: String? {
        let ids = (entry["entries"]?.array?.compactMap(\.string) ?? []).joined(separator: ", ")
        guard !ids.isEmpty else { return nil }
        switch reason {
        case .entryExpired:
            let mark = "stopped matching at "
            let moment = (detail?["trace"]?.array ?? []).compactMap(\.string).compactMap { line in
                line.range(of: mark).map { line[$0.upperBound...] }
            }.first
            return "\(ids) expired" + (moment.map { " at \($0)" } ?? "")
        case .wrongChannel: return "\(ids) is not for \(entry["channel"]?.string ?? "this channel")"
        default: return nil
        }
    }

    /// What the sender said when it ended the handshake (RFC 8446 section 6).
    private var alert: String? {
        guard let number = detail?["alert"]?.int else { return nil }
        let name = Self.alerts[number] ?? "\(number)"
        return "the sender's TLS alert: \(name)"
    }

    private static let alerts: [Int64: String] = [
        10: "unexpected_message", 20: "bad_record_mac", 40: "handshake_failure", 42: "bad_certificate",
        43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
        46: "certificate_unknown",
        47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
        51: "decrypt_error",
        70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
        86: "inappropriate_fallback",
        90: "user_canceled", 109: "missing_extension", 112: "unrecognized_name",
        113: "bad_certificate_status_response", 116: "certificate_required", 120: "no_application_protocol",
    ]

    private var privateAddress: String? {
        let isOfLists = [.notListed, .wrongChannel, .entryExpired].contains(reason)
        guard isOfLists, let text = entry["source"]?["ip"]?.string, let ip = try? IPAddress(text),
            ip.isPrivate
        else { return nil }
        return "a private address: a NAT or balancer may hide who called"
    }

    /// By whom the source's connection came, or all that is known of a caller without a source.
    private var way: String? {
        guard let peer = entry["peer"]?["ip"]?.string, peer != entry["source"]?["ip"]?.string else {
            return nil
        }
        return entry["source"] == nil ? "the other end is \(peer)" : "by way of \(peer)"
    }
}
