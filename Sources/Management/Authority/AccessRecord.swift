// The entry of an access: what leaves the gate for another program, and who took it. Pure.
import Admission
package import JSON
package import Ledger

package enum AccessRecord {
    /// Bounds of what is said of an access.
    private static let mostMembers = 16
    private static let longestText = 1024
    private static let longestName = 32
    /// Bytes of a guest's detail as JSON: the entry with it has 2 KiB at most.
    package static let longestOfGuest = 1792

    /// The member that makes it an entry of an export that ended before its end: the seq of that export's own entry.
    package static let whole = "part_of"

    /// Texts cut to what an entry takes.
    package static func bounded(_ detail: [String: JSONValue]) -> [String: JSONValue] {
        detail.mapValues { value in
            value.string.map { .string(UntrustedText.head($0, limit: longestText - 3)) } ?? value
        }
    }

    /// - Parameter detail: a `command`, and a few facts with short names and short printable texts.
    /// Throws `JSONValueError` for what is not well formed.
    package static func attempt(_ detail: JSONValue, by attribution: Attribution) throws -> Attempt {
        guard let members = detail.object, members.count <= mostMembers,
            members["command"]?.string?.isEmpty == false, members.allSatisfy(isBounded),
            Attribution.members.isDisjoint(with: members.keys)
        else {
            throw JSONValueError(
                description: "an access is told by a command and a few short printable texts")
        }
        let isInPart = members[whole] != nil
        guard !isInPart || members[whole]?.int.map({ $0 >= 0 }) == true else {
            throw JSONValueError(description: "\(whole) is the number of an entry")
        }
        var attempt = Attempt(
            kind: .access, channel: nil, verdict: .accepted, reason: isInPart ? .exportedInPart : .exported)
        attempt.detail = members.merging(attribution.facts) { _, fact in fact }
        return attempt
    }

    /// As `attempt`, of a guest of the control socket. Throws a `ManagementError` for one that is too large.
    package static func guestAttempt(_ detail: JSONValue, by attribution: Attribution) throws -> Attempt {
        let attempt = try attempt(detail, by: attribution)
        let bytes = CanonicalJSON.encode(.object(attempt.detail)).count
        guard bytes <= longestOfGuest else {
            throw ManagementError(
                .refused,
                "the record of this access would have \(bytes) bytes, and at most \(longestOfGuest) are allowed",
                fix: "give a shorter comment, or ask for less at once")
        }
        return attempt
    }

    /// The entry of what somebody has looked at or done with what the gate holds, in the words of a collector's.
    /// - Parameter detail: more of it. Texts are cut.
    package static func reading(
        _ command: String, _ detail: [String: JSONValue] = [:], by attribution: Attribution
    ) -> Attempt {
        var attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        attempt.detail = bounded(detail).merging(attribution.facts) { _, fact in fact }
        attempt.detail["command"] = .string(command)
        return attempt
    }

    /// The entry of an acknowledgement by a command.
    static func acknowledgement(of drop: String, file: String?, by attribution: Attribution) -> Attempt {
        var detail: [String: JSONValue] = ["drop": .string(drop), "acknowledged": true]
        detail["file"] = file.map { .string($0) }
        return reading("drops ack", detail, by: attribution)
    }

    private static func isBounded(_ name: String, _ value: JSONValue) -> Bool {
        let isName =
            (1...longestName).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F }
        return switch value {
        case .string(let text):
            isName && text.utf8.count <= longestText && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        case .int, .bool: isName
        case .array, .object: false
        }
    }
}
