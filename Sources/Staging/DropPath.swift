// A name in the tree of one account, normalised and compared byte by byte: Swift takes different spellings of one
// accented letter as equal, the file system does not. Pure.

package struct DropPath: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Relative, without a slash at either end: "dir/name.xml"; empty for the account's root.
    package let bytes: [UInt8]

    package static let root = DropPath(bytes: [])
    /// What a sender may name: bytes of a whole path, and directories within directories. As the SFTP wire has it.
    package static let longest = 1024
    package static let deepest = 32

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// nil for what is not normalised: an empty component, `.`, `..`, a NUL, a component of more than 255 bytes.
    package init?(_ text: String) {
        guard
            text.isEmpty
                || text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                    .allSatisfy({ Directory.isComponent(String(Substring($0))) })
        else { return nil }
        bytes = Array(text.utf8)
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }
    /// As its sender writes it: "/dir/name.xml".
    package var description: String { "/" + text }
    package var isRoot: Bool { bytes.isEmpty }

    private var lastSlash: Int? { bytes.lastIndex(of: UInt8(ascii: "/")) }

    /// Whether a sender could name it.
    package var isNameable: Bool { bytes.count <= Self.longest && components.count <= Self.deepest }

    /// The last component; empty for the root.
    package var name: [UInt8] { lastSlash.map { Array(bytes[($0 + 1)...]) } ?? bytes }

    /// The root is its own parent.
    package var parent: DropPath { lastSlash.map { DropPath(bytes: Array(bytes[..<$0])) } ?? .root }

    package var components: [String] {
        bytes.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
    }

    /// - Parameter name: one component.
    package func child(_ name: [UInt8]) -> DropPath {
        DropPath(bytes: isRoot ? name : bytes + [UInt8(ascii: "/")] + name)
    }

    package func isInside(_ folder: DropPath) -> Bool {
        if folder.isRoot { return !isRoot }
        return bytes.count > folder.bytes.count && bytes[folder.bytes.count] == UInt8(ascii: "/")
            && bytes.starts(with: folder.bytes)
    }

    /// The same path after `folder`, which it is or lies inside, has become `other`.
    package func moved(from folder: DropPath, to other: DropPath) -> DropPath {
        DropPath(bytes: other.bytes + bytes[folder.bytes.count...])
    }

    package static func < (a: DropPath, b: DropPath) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}
