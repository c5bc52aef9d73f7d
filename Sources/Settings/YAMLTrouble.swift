// What the YAML parser finds wrong, as a sentence and what to do about it. Pure.
import Yams

enum YAMLTrouble {
    static func explain(_ error: any Error, path: String) -> (Place, String) {
        func place(_ mark: Mark) -> Place { .file(path, line: mark.line, column: mark.column) }
        if let refusal = error as? YAMLRefusal {
            return (.file(path, line: refusal.line, column: refusal.column), refusal.message)
        }
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            // What is not closed is told where it was opened.
            return (place(isOpen(problem) ? context?.mark ?? mark : mark), "not YAML: \(sentence(problem))")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.sorted().map { KeyText.shown($0) ?? "a key of \(KeyText.count($0))" }
            return (place(context.mark), "given twice: \(names.joined(separator: ", ")); keep one")
        case .reader(_, let offset, let value, let text):
            return (
                offset.map { position($0, in: text, path) } ?? .file(path),
                "not YAML: it contains \(character(value)), which is not allowed in text; remove it"
            )
        case .memory: return (.file(path), "too large to be read with the memory that is available")
        default: return (.file(path), "not YAML: \(other)")
        }
    }

    private static func isOpen(_ problem: String) -> Bool {
        [
            "did not find expected ',' or ']'", "did not find expected ',' or '}'",
            "found unexpected end of stream", "could not find expected ':'",
        ].contains(problem)
    }

    /// The words of libyaml's scanner and parser, by what people write that leads to them.
    static func sentence(_ problem: String) -> String {
        switch problem {
        case "found character that cannot start any token", "found a tab character that violates indentation",
            "found a tab character where an indentation space is expected":
            "a value cannot begin with this character; indent with spaces, not tabs, and put a value that begins with @, ` "
                + "or % in quotes"
        case "mapping values are not allowed in this context":
            "a key cannot stand here; put a value that holds \": \" in quotes, and indent the keys of a section alike"
        case "could not find expected ':'":
            "this is not a key; write key: value, with a space after the colon"
        case "did not find expected key", "did not find expected '-' indicator":
            "this line is neither a key nor an item of what comes before it; indent lines that belong together alike"
        case "block sequence entries are not allowed in this context",
            "mapping keys are not allowed in this context":
            "a list cannot begin on the line of its key; write it on the next line, or as [a, b]"
        case "did not find expected ',' or ']'": "a list is not closed; write ] after its last value"
        case "did not find expected ',' or '}'": "a mapping is not closed; write } after its last value"
        case "did not find expected node content":
            "a value is missing here; write one, or close the bracket before it"
        case "found unexpected end of stream": "the text ends within quotes; close them"
        case "did not find expected alphabetic or numeric character", "found undefined alias",
            "did not find expected whitespace or line break", "found undefined tag handle",
            "did not find expected tag URI", "did not find expected '!'":
            "*, & and ! at the beginning of a value mean something else; put the value in quotes"
        case "found unknown escape character", "did not find expected hexdecimal number",
            "found invalid Unicode character escape code":
            "a backslash in double quotes begins an escape; write it twice, or use single quotes"
        case "did not find expected comment or line break", "found an indentation indicator equal to 0":
            "after | or > nothing else can stand on the line; put the value in quotes, or write it on the next lines"
        case "but found another document", "did not find expected <document start>",
            "found unexpected document indicator":
            "a second document begins here; keep one, and remove the line of --- before it"
        default: other
        }
    }

    private static let other = "it cannot be parsed here; check indentation, brackets and quotes"

    private static func character(_ value: Int32) -> String {
        guard value >= 0 else { return "bytes that are not UTF-8" }
        let digits = String(value, radix: 16, uppercase: true)
        return "the character U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// Line and column of a character.
    private static func position(_ offset: Int, in text: String, _ path: String) -> Place {
        let before = text.prefix(offset)
        let line = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return .file(path, line: line.count, column: (line.last?.count ?? 0) + 1)
    }
}
