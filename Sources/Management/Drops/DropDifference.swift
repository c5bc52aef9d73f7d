// What a drop, or its receipt, has other than the ledger says: in words, and as members of JSON.
import Admission
package import JSON

package enum DropDifference: Sendable, Hashable, CustomStringConvertible {
    /// Bytes.
    case size(expected: Int64, found: Int64)
    /// Of as many bytes as the ledger says; lower-case hex.
    case sha256(expected: String, found: String)
    /// No regular file lies in its place.
    /// - Parameter what: in words, with the path.
    case noFile(what: String)
    /// The file of its batch has no event there.
    /// - Parameter line: from 1; nil: the ledger does not say which is its own.
    case line(Int?)
    /// - Parameter members: of its receipt; empty: there is none, or none that the gate wrote.
    case receipt(members: [String])

    package var description: String {
        switch self {
        case .size(let expected, let found):
            "it has \(Counted.bytes(found)), and by the ledger \(expected)"
        case .sha256(let expected, let found):
            "its SHA-256 is \(found), and by the ledger \(expected)"
        case .noFile(let what): what
        case .line(let line?): "line \(line) of the file holds no event"
        case .line(nil): "no line of the file is known to be its own"
        case .receipt(let members):
            members.isEmpty
                ? "it has no receipt, or none that the gate wrote"
                : "its receipt says something else than the ledger of: \(members.joined(separator: ", "))"
        }
    }

    /// What differs, for programs: one word.
    private var word: String {
        switch self {
        case .size: "size"
        case .sha256: "sha256"
        case .noFile: "type"
        case .line: "line"
        case .receipt: "receipt"
        }
    }

    /// `cause` (words for people), `differs` (`size`, `sha256`, `type`, `line` or `receipt`), and what was expected and found.
    package var json: [String: JSONValue] {
        var members: [String: JSONValue] = ["cause": .string(description), "differs": .string(word)]
        switch self {
        case .size(let expected, let found):
            members["expected_bytes"] = .int(expected)
            members["found_bytes"] = .int(found)
        case .sha256(let expected, let found):
            members["expected_sha256"] = .string(expected)
            members["found_sha256"] = .string(found)
        case .receipt(let names): members["members"] = .array(names.map(JSONValue.string))
        case .noFile, .line: break
        }
        return members
    }
}
