// Paths as text, and where they lead.
import Glibc

/// Paths as a settings file writes them.
package enum Paths {
    /// An absolute path: relative ones start at the directory of the file that names them.
    package static func resolve(_ path: String, beside file: String) -> String {
        if path.hasPrefix("/") { return normal(path) }
        return normal(directory(of: file) + "/" + path)
    }

    /// The path itself, made absolute from the working directory.
    package static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? normal(path) : normal(workingDirectory + "/" + path)
    }

    /// The directory that holds an absolute path.
    package static func directory(of file: String) -> String {
        let parts = file.split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/")
    }

    /// The directories above an absolute path, the innermost first; `/` is the last.
    package static func above(_ path: String) -> [String] {
        var directories: [String] = []
        var last = path
        while last != "/" {
            last = directory(of: last)
            directories.append(last)
        }
        return directories
    }

    /// The path without links, dots and double slashes (realpath(3)); nil where it leads to nothing that can be looked at.
    package static func real(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// An absolute path without links as far as it leads to something that can be looked at; the rest as it is written.
    package static func resolved(_ path: String) -> String {
        guard path != "/" else { return path }
        if let real = real(path) { return real }
        let above = resolved(directory(of: path))
        return (above == "/" ? "" : above) + "/" + lastComponent(of: path)
    }

    /// Whether an absolute path names something in a directory, at any depth. It looks at the texts alone.
    package static func isBelow(_ path: String, _ directory: String) -> Bool {
        directory == "/" ? path != "/" : path.hasPrefix(directory + "/")
    }

    /// What stands behind the last slash, slashes at the end aside; of slashes alone, the path.
    package static func lastComponent(of path: String) -> String {
        let slash = UInt8(ascii: "/")
        guard let last = path.utf8.lastIndex(where: { $0 != slash }) else { return path }
        let plain = path[...last]
        return plain.utf8.lastIndex(of: slash).map { String(plain[plain.utf8.index(after: $0)...]) }
            ?? String(plain)
    }

    /// What a symbolic link says; nil for what is none, is not there or cannot be looked at (readlink(2)). Throws EILSEQ for what is
    /// not UTF-8, and ENAMETOOLONG for what may be longer than a path can be: it is somewhere, and cannot be named.
    package static func target(ofLink path: String) throws(SystemError) -> String? {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &bytes, bytes.count)
        guard count > 0 else { return nil }
        guard count < bytes.count else { throw SystemError(ENAMETOOLONG) }
        guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
            throw SystemError(EILSEQ)
        }
        return text
    }

    /// The root where the system does not say it: the directory has been removed.
    private static var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func normal(_ path: String) -> String {
        // ".." stays: the directory before it may be a symbolic link.
        "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
