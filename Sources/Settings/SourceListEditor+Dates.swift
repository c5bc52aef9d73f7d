// Sets when an entry is looked at again, or when it ends.
package import Admission

extension SourceListEditor {
    /// A field of an entry that holds a time.
    package enum DateField: String, Sendable {
        case reviewBy = "review_by"
        case expires

        func set(_ instant: Instant, in entry: inout SourceEntry) {
            switch self {
            case .reviewBy: entry.reviewBy = instant
            case .expires: entry.expires = instant
            }
        }
    }

    /// With another time in a field of the entry of this id. Throws `Refusal` where the file is written in a way in which that
    /// cannot be changed.
    package func setting(_ field: DateField, of id: String, to instant: Instant) throws -> Edit {
        guard let index = entries.firstIndex(where: { $0.id == id }) else {
            throw Refusal(description: "\(path) has no entry \(UntrustedText.line(id))")
        }
        var wanted = entries
        field.set(instant, in: &wanted[index])
        let text = Self.join(try lines(setting: field, of: index, to: SourceEntryText.time(instant)))
        guard let after = try? Self.read(text, path: path), after.entries.map(\.entry) == wanted else {
            throw Refusal(
                description:
                    "\(path): the entry \(UntrustedText.line(id)) is written in a way that this cannot change; edit it by hand"
            )
        }
        return Edit(path: path, text: text, touched: [wanted[index]])
    }

    private func lines(setting field: DateField, of index: Int, to value: String) throws -> [Substring] {
        var lines = lines
        let range = try lineRange(of: index)
        let key = "\(field.rawValue):"
        if range.count == 1, let changed = Self.flow(lines[range.lowerBound], key, value) {
            lines[range.lowerBound] = changed
            return lines
        }
        // The key may stand behind the dash.
        let margin = try dash(of: index).indent + 2
        for number in range {
            let line = lines[number]
            let begin = line.prefix(margin)
            guard begin.allSatisfy({ $0 == " " || $0 == "-" }), line.dropFirst(margin).hasPrefix(key) else {
                continue
            }
            lines[number] = "\(begin)\(key) \(value)"[...]
            return lines
        }
        lines.insert("\(String(repeating: " ", count: margin))\(key) \(value)"[...], at: range.upperBound)
        return lines
    }

    /// An entry on one line, in braces; nil for another one.
    private static func flow(_ line: Substring, _ key: String, _ value: String) -> Substring? {
        guard let open = line.firstIndex(of: "{"), let close = line.lastIndex(of: "}"), open < close else {
            return nil
        }
        var fields = line[line.index(after: open)..<close]
        if let found = fields.firstRange(of: key) {
            let end = fields[found.upperBound...].firstIndex(of: ",") ?? fields.endIndex
            fields.replaceSubrange(found.upperBound..<end, with: " \(value)")
        } else {
            fields += ", \(key) \(value)"
        }
        return line[...open] + fields + line[close...]
    }
}
