// What a drop, or its receipt, has other than the ledger says: in words, and as members of JSON.
import Admission
package import JSON

package enum DropDifference: Error, Hashable, CustomStringConvertible {
    /// Bytes.
    case size(expected: Int64, found: Int64)
    /// Of as many bytes as the ledger says; lower-case hex.
    case sha256(expected: String, found: String)
    /// No regular file lies in its place.
    /// - Parameter what: in words, with the path.
    case noFile(what: String)
    /// The file of its batch is larger than any that a gate makes, and is not read. Bytes.
    case tooLarge(found: Int64)
    /// The file of its batch has no event there.
    /// - Parameter line: from 1; nil: the ledger does not say which is its own.
    case line(Int?)
    /// - Parameter members: of its receipt; empty: there is none, or none that the gate wrote.
    case receipt(members: [String])
    /// - Parameter members: of the receipt in its line of the batch's file.
    case receiptInLine(members: [String])

    /// Whether its data is as the ledger says.
    var isOfReceipt: Bool {
        switch self {
        case .receipt, .receiptInLine: true
        case .size, .sha256, .noFile, .tooLarge, .line: false
        }
    }

    package var description: String {
        switch self {
        case .size(let expected, let found):
            "it has \(Counted.bytes(found)); the ledger says \(expected)"
        case .sha256(let expected, let found):
            "its SHA-256 is \(found); the ledger says \(expected)"
        case .noFile(let what): what
        case .tooLarge(let found):
            "the file of its batch has \(Counted.bytes(found)), which is more than a gate writes into one"
        case .line(let line?): "line \(line) of the file holds no event"
        case .line(nil): "the ledger does not say which line of the file is its own"
        case .receipt(let members):
            members.isEmpty
                ? "it has no receipt, or none that the gate wrote"
                : Self.others("its receipt", members)
        case .receiptInLine(let members): Self.others("the receipt in its line", members)
        }
    }

    private static func others(_ receipt: String, _ members: [String]) -> String {
        "\(receipt) differs from the ledger in: \(members.joined(separator: ", "))"
    }

    /// What differs, for programs: one word.
    private var word: String {
        switch self {
        case .size, .tooLarge: "size"
        case .sha256: "sha256"
        case .noFile: "type"
        case .line: "line"
        case .receipt: "receipt"
        case .receiptInLine: "receipt in line"
        }
    }

    /// `cause` (words for people), `differs` (`size`, `sha256`, `type`, `line`, `receipt` or `receipt in line`), and what was expected
    /// and found.
    package var json: [String: JSONValue] {
        var members: [String: JSONValue] = ["cause": .string(description), "differs": .string(word)]
        switch self {
        case .size(let expected, let found):
            members["expected_bytes"] = .int(expected)
            members["found_bytes"] = .int(found)
        case .sha256(let expected, let found):
            members["expected_sha256"] = .string(expected)
            members["found_sha256"] = .string(found)
        case .tooLarge(let found): members["found_bytes"] = .int(found)
        case .receipt(let names), .receiptInLine(let names):
            members["members"] = .array(names.map(JSONValue.string))
        case .noFile, .line: break
        }
        return members
    }
}
