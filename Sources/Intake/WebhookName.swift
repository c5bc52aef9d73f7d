// The file name of a webhook event under `ready/`. Pure.
import Admission
import Staging

/// `webhook/2026-11-23/081530.123456Z-visit.ended-5c34979c.json`. The time is the ledger entry's and rises
/// strictly, so no two events share a name. Text from outside keeps only letters, digits, `.`, `_`.
struct WebhookName: Sendable {
    private let suffix: String

    init(_ event: WebhookEvent, dropID: String) {
        let isKnown = event.envelope != "unrecognised"
        let type = Self.plain(isKnown ? event.eventType ?? "event" : "unrecognised", limit: 60)
        let tail = Self.plain((isKnown ? event.eventID : nil) ?? String(dropID.suffix(8)), limit: 8)
        suffix = "-\(type)-\(tail).\(event.looksLikeJSON ? "json" : "bin")"
    }

    func path(at time: Instant) -> String {
        // "2026-11-23T08:15:30.123456Z"
        let text = Array(time.description.utf8)
        let day = String(decoding: text[0..<10], as: UTF8.self)
        let clock = String(decoding: text[11...].filter { $0 != 0x3A }, as: UTF8.self)
        return "\(StagingLayout.webhook)/\(day)/\(clock)\(suffix)"
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
