// The file name of a webhook event under `ready/`. Pure.
package import Admission
import Staging

/// `webhook/2026-11-23/081530.123456Z-visit.ended-5c34979c-01jdk2v8q3m5t7w9y1b3d5f7h9.json`: when it was received, its type,
/// the beginning of its event id where there is one, and its drop's id, which leads to the receipt. The time is the ledger
/// entry's and rises strictly. Text from outside keeps only letters, digits, `.`, `_`. Names of earlier versions
/// have no drop's id: they end with the event's, or with the end of the drop's.
package struct WebhookName: Sendable {
    private let suffix: String

    init(_ event: WebhookEvent, dropID: String) {
        let isKnown = event.envelope != "unrecognised"
        let type = Self.plain(isKnown ? event.eventType ?? "event" : "unrecognised", limit: 60)
        let eventID = isKnown ? event.eventID.map { "-" + Self.plain($0, limit: 8) } ?? "" : ""
        suffix = "-\(type)\(eventID)-\(dropID).\(event.looksLikeJSON ? "json" : "bin")"
    }

    func path(at time: Instant) -> String {
        // "2026-11-23T08:15:30.123456Z"
        let text = Array(time.description.utf8)
        let day = String(decoding: text[0..<10], as: UTF8.self)
        let clock = String(decoding: text[11...].filter { $0 != 0x3A }, as: UTF8.self)
        return "\(StagingLayout.webhook)/\(day)/\(clock)\(suffix)"
    }

    /// The drop's id in a file's name, or in a path; nil for a name without one. Anybody can write a name: the ledger
    /// decides whether the file is that drop's.
    package static func drop(in name: String) -> String? {
        let last = name.split(separator: "/").last ?? ""
        let id = last.split(separator: "-").last?.prefix { $0 != "." && $0 != "~" } ?? ""
        return DropID.isValid(String(id)) ? String(id) : nil
    }

    /// The time of the entry that accepted the event of a path under `ready/`, or the first one of a batch, which may be meant by its
    /// directory or its one file; nil for any other path.
    package static func time(in readyPath: String) -> Instant? {
        let parts = readyPath.split(separator: "/", omittingEmptySubsequences: false)
        let isInBatch = parts.count == 4 && BatchName(ofReady: readyPath) != nil
        guard parts.count == 3 || isInBatch, parts[0] == StagingLayout.webhook else { return nil }
        let clock = Array(parts[parts.count - 1].utf8.prefix { $0 != UInt8(ascii: "-") })
        guard clock.count > 6 else { return nil }
        func text(_ range: Range<Int>) -> String { String(decoding: clock[range], as: UTF8.self) }
        return Instant(rfc3339: "\(parts[1])T\(text(0..<2)):\(text(2..<4)):\(text(4..<clock.count))")
    }

    private static func plain(_ text: String, limit: Int) -> String {
        let kept = text.utf8.prefix(limit).map { byte -> UInt8 in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x5F: byte
            default: 0x5F
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }
}
