// YAML text to a tree of nodes with places, syntax errors as problems. It knows no keys.
import Files
import Yams

package enum YAMLFile {
    /// The root value of a file, or nil after logging why there is none. An empty file is an empty mapping.
    /// - Parameter isFromSettings: whether its name stands in settings, where a secret may stand in its place: it is shown with care.
    package static func read(_ path: String, isFromSettings: Bool = false, log: ProblemLog) -> YAMLValue? {
        text(of: path, isFromSettings: isFromSettings, log: log).flatMap { parse($0, path: path, log: log) }
    }

    /// nil after logging.
    static func text(of path: String, isFromSettings: Bool = false, log: ProblemLog) -> String? {
        do throws(FileError) { return try FileReading.text(path) } catch {
            let problem = isFromSettings && ValueText.leadsNowhere(path) ? unnamed(path) : nil
            log.add(problem ?? SettingsProblem(place: .file(path), key: "", message: error.message))
            return nil
        }
    }

    /// What to say of a file that is not there and whose name may be a secret that was written in place of one; nil where it is not.
    private static func unnamed(_ path: String) -> SettingsProblem? {
        let directory = Paths.above(path).first(where: Presence.isDirectory) ?? "/"
        let name = path.dropFirst(directory.count).drop { $0 == "/" }
        guard !ValueText.isPlain(String(name)) else { return nil }
        return SettingsProblem(
            place: .file(directory), key: "",
            message:
                "no file here has the name that was given, \(ValueText.length(String(name))); correct it where it was given, "
                + "as in sources or rules of the settings")
    }

    package static func parse(_ text: String, path: String, log: ProblemLog) -> YAMLValue? {
        do {
            let node = try tree(of: text) ?? Node([(Node, Node)]())
            return YAMLValue(node: node, key: "", place: .file(path, line: 1, column: 1), log: log)
        } catch {
            log.add(problem(error, path: path))
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
        try? tree(of: text)
    }

    /// Throws what `problem` explains. nil for a text without a value.
    private static func tree(of text: String) throws -> Node? {
        let text = withoutMark(text)
        try check(text)
        // `YAMLValue` reads scalars by itself, and Yams's default rules try seven regular expressions on each key.
        return try compose(yaml: text, .basic)
    }

    /// To be called before a tree is made of a text from outside. Throws, to be explained by `problem`, where that could take
    /// for ever: for anchors and aliases, and for what is nested too deep.
    package static func check(_ text: String) throws { try YAMLShape.check(text) }

    /// What keeps a text from being YAML, in words.
    package static func problem(_ error: any Error, path: String) -> SettingsProblem {
        let (place, message) = YAMLTrouble.explain(error, path: path)
        return SettingsProblem(place: place, key: "", message: message)
    }
}
