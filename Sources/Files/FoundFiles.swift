// The files that shell patterns name. The walk is this file's own: glob(3) takes a directory that it cannot read for an empty one.
import Glibc

/// What patterns name now. A place that could not be looked at stands among the files, for those that may be in it: who takes
/// these for all there are must not take it for nothing.
package struct FoundFiles: Sendable, Hashable, RandomAccessCollection, ExpressibleByArrayLiteral {
    /// Why those among them that could not be looked at could not.
    package let unseen: [String: SystemError]
    private let paths: [String]

    /// `paths` have all places that are `unseen`.
    package init(_ paths: [String], unseen: [String: SystemError] = [:]) {
        self.paths = paths
        self.unseen = unseen
    }

    package init(arrayLiteral paths: String...) { self.init(paths) }

    package var startIndex: Int { paths.startIndex }
    package var endIndex: Int { paths.endIndex }
    package subscript(position: Int) -> String { paths[position] }
}

extension Paths {
    /// The files that absolute shell patterns name, sorted, each once. A path without wildcards stands for itself, whether or not
    /// it is there.
    package static func glob(_ patterns: [String]) -> FoundFiles {
        var walk = PatternWalk()
        for pattern in patterns { walk.find(pattern) }
        return FoundFiles(walk.found.union(walk.unseen.keys).sorted(), unseen: walk.unseen)
    }

    /// Whether a text may name more than one file.
    package static func isPattern(_ text: String) -> Bool {
        text.contains { PatternWalk.wildcards.contains($0) }
    }

    /// Whether an absolute pattern would name this path, if it were there.
    package static func matches(_ path: String, pattern: String) -> Bool {
        fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0
    }
}

/// One look for the files of some patterns, component by component.
private struct PatternWalk {
    static let wildcards = "*?["

    private(set) var found: Set<String> = []
    private(set) var unseen: [String: SystemError] = [:]

    mutating func find(_ pattern: String) {
        guard Paths.isPattern(pattern) else {
            found.insert(pattern)
            return
        }
        find(pattern.split(separator: "/")[...], in: "")
    }

    /// - Parameter directory: without a slash at its end, so that the root is empty.
    private mutating func find(_ parts: ArraySlice<Substring>, in directory: String) {
        guard let part = parts.first.map({ String($0) }) else { return }
        let rest = parts.dropFirst()
        guard part.contains(where: { Self.wildcards.contains($0) || $0 == "\\" }) else {
            return take("\(directory)/\(part)", rest)
        }
        let place = directory.isEmpty ? "/" : directory
        do throws(SystemError) {
            for name in try Self.names(in: place) where fnmatch(part, name, FNM_PERIOD) == 0 {
                let path = "\(directory)/\(name)"
                // A name that is not UTF-8 was repaired, and leads to nothing.
                let isRepaired = name.unicodeScalars.contains { $0 == "\u{FFFD}" }
                if isRepaired { note(SystemError(EILSEQ), at: path) }
                if rest.isEmpty { found.insert(path) } else { find(rest, in: path) }
            }
        } catch {
            note(error, at: place)
        }
    }

    /// A component without wildcards. Whether a directory of this name is there shows when something is looked for in it.
    private mutating func take(_ path: String, _ rest: ArraySlice<Substring>) {
        guard rest.isEmpty else { return find(rest, in: path) }
        var status = stat()
        if lstat(path, &status) == 0 { found.insert(path) } else { note(.last, at: path) }
    }

    private mutating func note(_ error: SystemError, at place: String) {
        // What is not there, or is no directory, holds no file.
        if ![ENOENT, ENOTDIR].contains(error.code) { unseen[place] = error }
    }

    private static func names(in directory: String) throws(SystemError) -> [String] {
        guard let stream = opendir(directory) else { throw .last }
        defer { closedir(stream) }
        return try SystemCall.names(of: stream)
    }
}
