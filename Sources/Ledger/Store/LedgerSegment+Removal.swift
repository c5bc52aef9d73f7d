// The removal of a segment's file by retention, as an entry records it.
import Admission
import JSON
import TLS

extension LedgerSegment {
    /// The member of an entry's `detail` that records the removal of a segment: `first`, `last`, `first_time`, `last_time`,
    /// `file_sha256`.
    package static let removalMember = "segment_removed"

    /// The entry that records its removal.
    var removal: Attempt {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .changed)
        attempt.detail[Self.removalMember] = .object(facts)
        return attempt
    }

    fileprivate var facts: [String: JSONValue] {
        [
            "first": .int(first), "last": .int(last), "first_time": .string(firstTime.description),
            "last_time": .string(lastTime.description), "file_sha256": .string(Hex.text(sha256)),
        ]
    }

    /// The segment behind this one that held the entry of its removal and was removed in turn; nil: there is none.
    func holderOfRemoval(among segments: [LedgerSegment]) -> LedgerSegment? {
        guard let entry = removalEntry else { return nil }
        return segments.first {
            $0.removalEntry != nil && $0.first > last && $0.first <= entry && entry <= $0.last
        }
    }
}

/// What an entry says of the removal of a segment.
struct SegmentRemoval {
    private let facts: [String: JSONValue]

    /// nil where it says nothing of one.
    init?(_ entry: JSONValue?) {
        guard let facts = entry?["detail"]?[LedgerSegment.removalMember]?.object else { return nil }
        self.facts = facts
    }

    var lastTime: Instant? { facts["last_time"]?.string.flatMap { Instant(rfc3339: $0) } }

    func isOf(_ segment: LedgerSegment) -> Bool {
        facts["first"]?.int == segment.first && facts["last"]?.int == segment.last
    }

    /// The members of which the ledger's table says something else. What the entry does not say is not compared.
    func differences(_ segment: LedgerSegment) -> [String] {
        segment.facts.keys.sorted().filter { name in
            facts[name].map { $0 != segment.facts[name] } ?? false
        }
    }
}
