// YAML text to a tree of nodes with places, syntax errors as problems. It knows no keys.
import Files
import Yams

package enum YAMLFile {
    /// The root value of a file, or nil after logging why there is none. An empty file is an empty mapping.
    package static func read(_ path: String, log: ProblemLog) -> YAMLValue? {
        do throws(FileProblem) {
            return parse(try FileReading.text(path), path: path, log: log)
        } catch {
            log.add(.file(path), "", error.message)
            return nil
        }
    }

    package static func parse(_ text: String, path: String, log: ProblemLog) -> YAMLValue? {
        do {
            let node = try compose(yaml: withoutMark(text)) ?? Node([(Node, Node)]())
            return YAMLValue(node: node, key: "", place: .file(path, line: 1, column: 1), log: log)
        } catch {
            let (place, message) = explain(error, path: path)
            log.add(place, "", message)
            return nil
        }
    }

    /// A text without the byte order mark that some editors put in front of UTF-8. YAML allows it there and libyaml, told
    /// that it gets UTF-8, does not.
    package static func withoutMark(_ text: String) -> String {
        text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// The node of YAML flow text in an environment variable.
    static func flow(_ text: String) -> Node? {
        try? compose(yaml: text)
    }

    private static func explain(_ error: any Error, path: String) -> (Place, String) {
        func place(_ mark: Mark) -> Place { .file(path, line: mark.line, column: mark.column) }
        let quote = "(a value that begins with [ { & * # or holds \": \" needs quotes)"
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
            return (place(mark), "not YAML: \(problem) \(quote)")
        case .composer(_, let problem, let mark, _):
            return (place(mark), "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            return (
                place(context.mark), "given twice: \(duplicates.sorted().joined(separator: ", ")); keep one"
            )
        case .reader(let problem, _, _, _):
            return (.file(path), "not YAML: \(problem)")
        default:
            return (.file(path), "not YAML: \(error)")
        }
    }
}
