// The parameters of a request, read by their declarations: what is not known, cannot be decoded or comes too often is refused, and never
// passed over. Pure.
import Admission
import HTTPTypes
import Ledger
import TLS

struct Parameters: Sendable {
    private var values: [String: [String]] = [:]

    /// Bytes of a query, and parameters of it, that are looked at.
    private static let longest = 8192
    private static let most = 200

    /// `application/x-www-form-urlencoded` (URL Standard, 5.1), in UTF-8. Throws a `Problem`.
    /// - Parameters:
    ///   - known: those that an operation has.
    ///   - path: values of those in the path, by name, as they stand there.
    ///   - isForm: a browser sends every field of a form: those that nobody filled in are not there.
    init(
        _ query: String?, _ known: [Parameter], path: [String: String] = [:], isForm: Bool = false
    ) throws(Problem) {
        let parts = (query ?? "").split(separator: "&")
        guard (query ?? "").utf8.count <= Self.longest, parts.count <= Self.most else {
            throw Problem(.badRequest, "bad_parameter", "the query is too long")
        }
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(pair[0]), let value = Self.decoded(pair.count > 1 ? pair[1] : "")
            else {
                throw Problem(.badRequest, "bad_parameter", "the query is not UTF-8 in percent-encoding")
            }
            if !isForm || !value.isEmpty { values[name, default: []].append(value) }
        }
        if isForm {
            // A field of a form takes several values, apart by spaces.
            for parameter in known where parameter.isList {
                values[parameter.name] = values[parameter.name]?.flatMap {
                    $0.split(whereSeparator: \.isWhitespace).map(String.init)
                }
            }
        }
        try check(known.filter { $0.place == .query })
        for (name, value) in path { values[name] = [value] }
    }

    private func check(_ known: [Parameter]) throws(Problem) {
        for name in values.keys.sorted() where !known.contains(where: { $0.name == name }) {
            throw Problem(
                .badRequest, "bad_parameter",
                "there is no parameter \"\(UntrustedText.head(name))\" here; GET /api/v1/openapi.json lists those that there are"
            )
        }
        for parameter in known {
            let count = values[parameter.name]?.count ?? 0
            if count > 1, !parameter.isList { throw .badParameter(parameter, "give it only once") }
            if count == 0, parameter.isRequired { throw .badParameter(parameter, "it is required") }
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
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    // MARK: Values

    /// All of them, none of them empty.
    func texts(_ parameter: Parameter) throws(Problem) -> [String] {
        let texts = values[parameter.name] ?? []
        guard !texts.contains("") else { throw .badParameter(parameter, "it is empty") }
        return texts
    }

    func text(_ parameter: Parameter) throws(Problem) -> String? { try texts(parameter).first }

    /// Those of some parameters, to be written into an address again.
    func pairs(_ parameters: [Parameter]) -> [(String, String)] {
        parameters.flatMap { parameter in (values[parameter.name] ?? []).map { (parameter.name, $0) } }
    }

    /// A whole number in decimal; where there is none, the standard one of its declaration.
    func number(_ parameter: Parameter) throws(Problem) -> Int64? {
        guard case .number(let range, let standard) = parameter.form else { return nil }
        guard let text = try text(parameter) else { return standard }
        guard let number = Self.number(text, in: range) else {
            throw .badParameter(parameter, "write a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// nil for what would be written in another way.
    static func number(_ text: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let number = Int64(text), range.contains(number), "\(number)" == text else { return nil }
        return number
    }

    /// Each is one of the words of its declaration.
    func words<Word: Hashable>(_ parameter: Parameter, _ make: (String) -> Word?) throws(Problem) -> Set<Word>
    {
        guard case .words(let known) = parameter.form else { return [] }
        var words: Set<Word> = []
        for text in try texts(parameter) {
            guard known.contains(text), let word = make(text) else {
                throw .badParameter(parameter, "write one of \(known.joined(separator: ", "))")
            }
            words.insert(word)
        }
        return words
    }

    func time(_ parameter: Parameter) throws(Problem) -> Instant? {
        guard let text = try text(parameter) else { return nil }
        guard let instant = Instant(rfc3339: text), instant.isWritable else {
            throw .badParameter(parameter, "write a time as 2026-11-23T08:00:00Z (RFC 3339)")
        }
        return instant
    }

    func address(_ parameter: Parameter) throws(Problem) -> IPAddress? {
        guard let text = try text(parameter) else { return nil }
        guard let address = try? IPAddress(text) else {
            throw .badParameter(parameter, "write an address, 20.21.208.105 or 2001:db8::1")
        }
        return address
    }

    /// `Parameter.filters`.
    func attempts() throws(Problem) -> LedgerQuery {
        var query = LedgerQuery()
        query.since = try time(.since)
        query.until = try time(.until)
        for text in try texts(.source) {
            guard let block = try? CIDRBlock(text) else {
                throw .badParameter(.source, "write an address or a block, 20.21.208.105 or 20.21.208.0/24")
            }
            query.sources.append(block)
        }
        query.verdicts = try words(.verdict, Verdict.init)
        query.reasons = try words(.reason, Reason.init)
        query.channels = try words(.channel, Channel.init)
        query.kinds = try words(.kind, EntryKind.init)
        query.accounts = Set(try texts(.account))
        query.entries = Set(try texts(.entry))
        query.drops = Set(try texts(.drop))
        query.text = try text(.text)
        return query
    }
}
