// One value of a YAML file or of the environment with its place, and the strict ways to read it.
// Each reader returns nil after saying what is wrong and what is allowed; none guesses.
package import Admission
import Yams

package struct YAMLValue {
    let node: Node
    /// The key path for messages: "webhook.listen", "entries[2].cidr".
    package let key: String
    package let place: Place
    package let log: ProblemLog
    /// Where the key of this value stands; a section's value begins a line below it.
    var keyPlace: Place?

    package func fail(_ message: String) { log.add(place, key, message) }

    /// A key below this value must be there and is not.
    package func missing(_ name: String, _ help: String) { log.missing(place, path(of: name), help) }

    private func path(of name: String) -> String { key.isEmpty ? name : "\(key).\(name)" }

    /// A value below this one. Places inside an environment variable are the variable.
    func child(_ node: Node, key: String) -> YAMLValue {
        guard case .file(let path, _, _) = place, let mark = node.mark else {
            return YAMLValue(node: node, key: key, place: place, log: log)
        }
        let place = Place.file(path, line: mark.line, column: mark.column)
        return YAMLValue(node: node, key: key, place: place, log: log)
    }

    /// What stands here, for "expected …, found …", without a word of it: it may be a secret. This is for kinds of values that do not
    /// ask for `quoted`, and for texts in the place of a mapping, a list or a whole file.
    var found: String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        case .scalar(let scalar): isNull ? "nothing" : ValueText.length(scalar.string)
        }
    }

    /// The same for kinds whose values are no secrets: in quotation marks where it looks like one of them.
    /// - Parameter part: what is left of the text, where not all of it is to be shown.
    package func quoted(_ part: String? = nil) -> String {
        guard let text = part ?? written, !isNull, mayShow(text) else { return found }
        return "\"\(text)\""
    }

    /// The same in other words, such as the path that was made of it.
    func shown(as words: String) -> String { isShown ? words : found }

    /// Whether messages may have what stands here.
    var isShown: Bool { written.map(mayShow) ?? false }

    private func mayShow(_ text: String) -> Bool { !ValueText.isOfSecret(key) && ValueText.isPlain(text) }

    /// A scalar as it is written, without a word of complaint.
    package var written: String? { node.scalar?.string }
    /// The same of a list's values.
    var writtenItems: [String?] { node.sequence?.map { $0.scalar?.string } ?? [] }
    package var isMapping: Bool { node.mapping != nil }
    package var isEmptyList: Bool { node.sequence?.isEmpty == true }

    /// Plain words that YAML readers disagree on are no text unless quoted.
    private static let booleans: Set<String> = ["true", "false", "yes", "no", "on", "off"]

    var isNull: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null"].contains(scalar.string.lowercased())
    }

    // MARK: Scalars

    /// Any scalar as it is written: text, number or date.
    private func scalar(_ expected: String) -> String? {
        guard case .scalar(let scalar) = node, !isNull else {
            fail("expected \(expected), found \(found)")
            return nil
        }
        return scalar.string
    }

    /// Text that is not empty and has no control characters, nor any that mislead who reads it.
    package func text(_ expected: String = "text") -> String? {
        guard let text = scalar(expected), case .scalar(let scalar) = node else { return nil }
        if scalar.style == .plain, Self.booleans.contains(text.lowercased()) {
            fail("expected \(expected), found the boolean \(text); put it in quotes if you mean the word")
            return nil
        }
        guard UntrustedText.isName(text) else {
            fail("expected \(expected); \(UntrustedText.noName)")
            return nil
        }
        return text
    }

    /// Text of one or more lines.
    package func paragraph() -> String? {
        guard let text = scalar("text") else { return nil }
        return text.split(whereSeparator: \.isNewline).joined(separator: "\n")
    }

    package func flag() -> Bool? {
        guard let text = scalar("true or false") else { return nil }
        guard text == "true" || text == "false" else {
            fail("expected true or false, found \(quoted())")
            return nil
        }
        return text == "true"
    }

    package func integer(in range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let text = scalar(expected) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            fail("expected \(expected), found \(quoted())")
            return nil
        }
        return number
    }

    /// Bytes.
    func size(in range: ClosedRange<Int64>) -> Int64? {
        guard let text = scalar("a size") else { return nil }
        let size = Quantity.size(text)
        guard size != nil || Quantity.isBeyondSizes(text) else {
            fail("\(quoted()) is not a size; \(Quantity.sizeHelp)")
            return nil
        }
        guard let size, range.contains(size) else {
            let (low, high) = (Quantity.text(size: range.lowerBound), Quantity.text(size: range.upperBound))
            fail("\(shown(as: text)) is out of range; allowed: \(low) to \(high)")
            return nil
        }
        return size
    }

    func duration(in range: ClosedRange<Duration>) -> Duration? {
        guard let text = scalar("a duration") else { return nil }
        let duration = Quantity.duration(text)
        guard duration != nil || Quantity.isBeyondDurations(text) else {
            fail("\(quoted()) is not a duration; \(Quantity.durationHelp)")
            return nil
        }
        guard let duration, range.contains(duration) else {
            let low = Quantity.text(duration: range.lowerBound)
            let high = Quantity.text(duration: range.upperBound)
            fail("\(shown(as: text)) is out of range; allowed: \(low) to \(high)")
            return nil
        }
        return duration
    }

    /// A duration, or the word `forever` (an inner nil).
    func durationOrForever(in range: ClosedRange<Duration>) -> Duration?? {
        if case .scalar(let scalar) = node, scalar.string == "forever" { return .some(nil) }
        return duration(in: range).map { .some($0) }
    }

    /// One word of a closed list.
    package func word<Word: RawRepresentable & CaseIterable>(_ type: Word.Type) -> Word?
    where Word.RawValue == String {
        let allowed = Word.allCases.map(\.rawValue)
        guard let text = scalar("one of \(allowed.joined(separator: ", "))") else { return nil }
        guard let word = Word(rawValue: text) else {
            fail("\(quoted()) is not allowed; \(Suggestion.sentence(for: text, among: allowed))")
            return nil
        }
        return word
    }

    /// An instant, or a date: midnight UTC.
    func instant() -> Instant? {
        let expected = "a date (2027-01-31) or a time in UTC (2027-01-31T08:00:00Z)"
        guard let text = scalar(expected) else { return nil }
        guard let instant = Instant(rfc3339: text) else {
            fail("expected \(expected), found \(quoted())")
            return nil
        }
        return instant
    }

    /// A date, as written.
    package func date() -> String? {
        guard let text = scalar("a date, as in 2026-11-23") else { return nil }
        guard text.utf8.count == 10, Instant(rfc3339: text) != nil else {
            fail("expected a date, as in 2026-11-23, found \(quoted())")
            return nil
        }
        return text
    }

    package func block() -> CIDRBlock? {
        guard let text = text("an address or a CIDR block") else { return nil }
        do throws(AddressError) {
            return try CIDRBlock(text)
        } catch {
            // Other errors are of addresses that could be read.
            let isRead = ![.badAddress, .badPrefix].contains(error.code)
            fail(
                isRead || isShown
                    ? error.message
                    : "\(found) is not a CIDR block; write an address or a CIDR block, as in 20.21.208.105/32"
            )
            return nil
        }
    }

    // MARK: Collections

    package func list(_ expected: String = "a list, as in [a, b]") -> [YAMLValue]? {
        guard case .sequence(let sequence) = node else {
            fail("expected \(expected), found \(found)")
            return nil
        }
        return sequence.enumerated().map { child($1, key: "\(key)[\($0)]") }
    }

    /// A list of values that all must be good.
    package func list<Element>(of read: (YAMLValue) -> Element?) -> [Element]? {
        guard let values = list() else { return nil }
        let elements = values.compactMap(read)
        return elements.count == values.count ? elements : nil
    }

    /// The values of a mapping by key. Unknown keys are problems. A value of nothing is an empty mapping.
    package func mapping(allowing names: [String]) -> [String: YAMLValue]? {
        if isNull { return [:] }
        guard case .mapping(let mapping) = node else {
            fail("expected a mapping with \(names.joined(separator: ", ")), found \(found)")
            log.broken(key)
            return nil
        }
        var values: [String: YAMLValue] = [:]
        for (keyNode, value) in mapping {
            guard let name = keyNode.scalar?.string else {
                child(keyNode, key: key).fail(
                    "a key is a word; allowed here: \(names.joined(separator: ", "))")
                continue
            }
            let path = path(of: name)
            guard names.contains(name) else {
                child(keyNode, key: KeyText.shown(name) == nil ? key : path).fail(
                    KeyText.unknown(name, among: names))
                log.unknown(path, meant: Suggestion.nearest(to: name, among: names).map { self.path(of: $0) })
                continue
            }
            var found = child(value, key: path)
            found.keyPlace = child(keyNode, key: path).place
            values[name] = found
        }
        return values
    }
}
