// The event that a probe posts: a whole VSee envelope whose clinic code marks it as a probe. A Dropgate gate answers
// and records it as one and stores nothing.
package import Admission
package import Foundation
import JSON

package enum SyntheticEvent: String, Sendable, CaseIterable {
    case v1, v2

    package func body(id: UUID = UUID(), now: Instant) -> [UInt8] {
        let created = now.microseconds / 1_000_000
        let start = created - 900
        let envelope: JSONValue =
            switch self {
            case .v1:
                [
                    "version": "1.0", "id": .string(id.uuidString.lowercased()), "type": "visit.ended",
                    "created": .int(created), "account_code": .string(ProbeMark.code),
                    "data": [
                        "id": "0", "member_id": "0", "provider_id": "0", "start": .string("\(start)"),
                        "end": .string("\(created)"), "actual_start": .string("\(start)"),
                        "actual_end": .string("\(created)"), "status": "40", "completed_by": "0",
                    ],
                ]
            case .v2:
                [
                    "version": "2.0", "id": .string(id.uuidString.lowercased()), "type": "visit.ended",
                    "created": .int(created), "clinic_code": .string(ProbeMark.code),
                    "data": [
                        "id": "0", "member_id": "0", "provider_id": "0", "start": .int(start),
                        "end": .int(created), "actual_start": .int(start), "actual_end": .int(created),
                        "status": "completed", "status_updated_by": "0",
                    ],
                ]
            }
        return CanonicalJSON.encode(envelope)
    }
}
