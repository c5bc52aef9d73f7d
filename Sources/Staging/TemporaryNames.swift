// Which names a sender will replace by the final one, by shell patterns. Pure.
import Glibc

package struct TemporaryNames: Sendable, Hashable {
    /// fnmatch(3) patterns, each for one component of a path, in any case.
    package let patterns: [String]

    package init(_ patterns: [String]) { self.patterns = patterns }

    /// - Parameter path: relative, "dir/name.xml".
    package func match(_ path: String) -> Bool {
        path.utf8.split(separator: UInt8(ascii: "/")).contains { component in
            let name = String(Substring(component))
            return patterns.contains { fnmatch($0, name, Self.anyCase) == 0 }
        }
    }

    /// FNM_CASEFOLD, a GNU extension that Glibc's module does not show.
    private static let anyCase: Int32 = 1 << 4
}
