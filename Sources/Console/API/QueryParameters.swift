// The parameters of a request's query, read strictly: what is not known or cannot be decoded is refused, and never passed over. Pure.
import HTTPTypes
import TLS

struct QueryParameters {
    private var values: [String: [String]] = [:]

    /// Bytes of a query, and parameters of it, that are looked at.
    private static let longest = 8192
    private static let most = 200

    /// What all programs can write as a number of JSON (RFC 8259, 6).
    static let numbers: ClosedRange<Int64> = 0...9_007_199_254_740_991

    /// `application/x-www-form-urlencoded` (URL Standard, 5.1), in UTF-8. Throws a `Problem`.
    init(_ query: String?) throws(Problem) {
        guard let query, !query.isEmpty else { return }
        let parts = query.split(separator: "&")
        guard query.utf8.count <= Self.longest, parts.count <= Self.most else {
            throw Problem(.badRequest, "bad_parameter", "the query is too long")
        }
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(pair[0]), let value = Self.decoded(pair.count > 1 ? pair[1] : "")
            else {
                throw Problem(.badRequest, "bad_parameter", "the query is not UTF-8 in percent-encoding")
            }
            values[name, default: []].append(value)
        }
    }

    /// nil for what is no percent-encoding, or no UTF-8 then.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(Hex.value),
                    let low = rest.popFirst().flatMap(Hex.value)
                else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// All values of a parameter, which is known from now on.
    mutating func take(_ name: String) -> [String] { values.removeValue(forKey: name) ?? [] }

    /// The value of a parameter that may come once.
    mutating func one(_ name: String) throws(Problem) -> String? {
        let all = take(name)
        guard all.count < 2 else { throw .badParameter(name, "it comes once") }
        return all.first
    }

    /// As `one`, of a whole number in decimal.
    mutating func number(_ name: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64? {
        guard let text = try one(name) else { return nil }
        guard let number = Int64(text), range.contains(number), "\(number)" == text else {
            throw .badParameter(name, "write a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Values of a parameter that each are one of a list of words.
    mutating func words<Word: Hashable>(
        _ name: String, _ known: [String], _ make: (String) -> Word?
    ) throws(Problem) -> Set<Word> {
        var words: Set<Word> = []
        for text in take(name) {
            guard let word = make(text) else {
                throw .badParameter(name, "write one of \(known.joined(separator: ", "))")
            }
            words.insert(word)
        }
        return words
    }

    /// Throws unless all parameters are known by now.
    func end() throws(Problem) {
        guard let name = values.keys.sorted().first else { return }
        throw Problem(
            .badRequest, "bad_parameter",
            "this path has no parameter of this name; GET /api/v1/openapi.json lists those that it has: "
                + name.prefix(64).filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
    }
}
