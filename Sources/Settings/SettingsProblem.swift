// What is wrong in a settings file, a source list or the environment: where, which key, what to write instead.
// Reading goes on after a problem, so that one run of `serve --check` names all of them.

/// Where a value stands.
package enum Place: Sendable, Hashable, CustomStringConvertible {
    /// Line and column begin with 1; 0 is the file as a whole.
    case file(String, line: Int, column: Int)
    case environment(String)

    package static func file(_ path: String) -> Place { .file(path, line: 0, column: 0) }

    package var description: String {
        switch self {
        case .file(let path, line: 0, _): path
        case .file(let path, let line, let column): "\(path):\(line):\(column)"
        case .environment(let name): "environment variable \(name)"
        }
    }
}

/// One thing that is wrong. It prints as `file:line:column: key: message`.
package struct SettingsProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package var place: Place
    /// The key path as in the file, "webhook.max_body"; empty for the file as a whole.
    package var key: String
    /// What is wrong and what is allowed.
    package var message: String

    package init(place: Place, key: String, message: String) {
        self.place = place
        self.key = key
        self.message = message
    }

    package var description: String {
        key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
    }
}

/// All problems of one load, in the order they stand in the files.
package struct SettingsErrors: Error, Sendable, CustomStringConvertible {
    package let problems: [SettingsProblem]

    package init(_ problems: [SettingsProblem]) { self.problems = problems }

    package var description: String { problems.map(\.description).joined(separator: "\n") }

    /// Of a text that was not written to its file: where in it something stands says nothing of the file that is there.
    package func unwritten(in path: String) -> SettingsErrors {
        SettingsErrors(
            problems.map { problem in
                guard case .file(let file, _, _) = problem.place, file == path else { return problem }
                let key = problem.key.split(separator: ".").last ?? ""
                return SettingsProblem(
                    place: .file(path), key: key.contains("[") ? "" : String(key), message: problem.message)
            })
    }
}

/// Collects problems while a load goes on.
package final class ProblemLog {
    /// More are counted and not told: a text that has so many is not what it should be at all.
    static let most = 1000

    package private(set) var problems: [SettingsProblem] = []
    private var told: Set<SettingsProblem> = []
    private var untold = 0
    /// Of all, those that are not told, too.
    package var count: Int { problems.count + untold }
    /// Keys of which somebody wrote something that was already told to be wrong, as their paths.
    private var explained: Set<String> = []
    /// Keys that nobody knows, as their paths.
    private(set) var unknown: [String] = []

    package init() {}

    /// A key is unknown, and perhaps the one at the path `meant` was meant.
    func unknown(_ path: String, meant: String?) {
        unknown.append(path)
        if let meant { explained.insert(meant) }
    }

    /// What stands at a key's path is no mapping: nothing below it can be missed.
    func broken(_ path: String) { explained.insert(path) }

    /// Whether a key that is not there, or something above it, was told to be wrong in another way.
    package func explains(_ path: String) -> Bool {
        var path = Substring(path)
        while !explained.contains(String(path)) {
            // A file that is no mapping at all.
            guard let dot = path.lastIndex(of: ".") else { return explained.contains("") }
            path = path[..<dot]
        }
        return true
    }

    /// A key that must be there is not, unless what was told of another key explains that.
    package func missing(_ place: Place, _ key: String, _ help: String) {
        if !explains(key) { add(place, key, "is missing; \(help)") }
    }

    package func add(_ place: Place, _ key: String, _ message: String) {
        add(SettingsProblem(place: place, key: key, message: message))
    }

    package func add(_ problem: SettingsProblem) {
        guard problems.count < Self.most else {
            untold += 1
            return
        }
        if told.insert(problem).inserted { problems.append(problem) }
    }

    /// Takes over what another one has collected.
    package func add(_ other: ProblemLog) {
        other.problems.forEach(add)
        untold += other.untold
    }

    /// Throws when anything was logged: by file in the order of reading, by line within one, the environment last.
    package func throwIfAny() throws(SettingsErrors) {
        guard !problems.isEmpty else { return }
        var files: [String] = []
        let ranked = problems.enumerated().map { offset, problem in
            guard case .file(let path, let line, let column) = problem.place else {
                return (rank: (Int.max, 0, 0, offset), problem: problem)
            }
            if !files.contains(path) { files.append(path) }
            return (rank: (files.firstIndex(of: path) ?? 0, line, column, offset), problem: problem)
        }
        var sorted = ranked.sorted { $0.rank < $1.rank }.map(\.problem)
        if untold > 0, let last = sorted.last {
            sorted.append(
                SettingsProblem(place: last.place, key: "", message: "\(untold) more problems are not shown"))
        }
        throw SettingsErrors(sorted)
    }
}
