// A name in an account's virtual root, normalised: no "..", no "//", nothing above the root. Compared byte
// by byte. Purely textual: links cannot exist in the view, and the store never follows one on disk.

package struct VirtualPath: Hashable, Sendable, CustomStringConvertible {
    /// Relative to the root, without a slash at either end: "dir/name.xml"; empty for the root.
    package let bytes: [UInt8]

    package static let root = VirtualPath(bytes: [])

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Resolves a path as sent. Relative paths start at the root, because there is no working directory.
    package init(sent: [UInt8], room: PathRoom = .none) throws(PathError) {
        guard sent.count <= WireLimit.path + room.bytes else {
            throw PathError("the path is longer than \(WireLimit.path) bytes")
        }
        guard let text = String(validating: sent, as: UTF8.self) else {
            throw PathError("the path is not valid UTF-8; set the client's file name encoding to UTF-8")
        }
        guard !sent.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw PathError("the path contains a control character")
        }
        guard !text.unicodeScalars.contains(where: Self.deceives) else {
            throw PathError(
                "the path contains a character that changes how it is shown: a line separator or a direction of writing"
            )
        }
        var components: [ArraySlice<UInt8>] = []
        for component in sent.split(separator: UInt8(ascii: "/")) {
            if component.elementsEqual(".".utf8) { continue }
            if component.elementsEqual("..".utf8) {
                _ = components.popLast()
                continue
            }
            guard component.count <= WireLimit.component else {
                throw PathError("a name in the path is longer than \(WireLimit.component) bytes")
            }
            guard Self.standsApart(component) else {
                throw PathError(
                    "a name in the path begins or ends with a character that joins what stands beside it, such as an accent without its letter"
                )
            }
            components.append(component)
        }
        guard components.count <= WireLimit.depth + room.depth else {
            throw PathError("the path is deeper than \(WireLimit.depth) directories")
        }
        bytes = Array(components.joined(separator: [UInt8(ascii: "/")]))
    }

    /// Characters by which a name looks like another one, or like two lines: the bidirectional embeddings, overrides
    /// and isolates (Unicode Standard Annex 9), next line, line and paragraph separator.
    private static func deceives(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x85, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// Whether slashes beside a name are seen as such. With a combining mark at its beginning the slash before it is one character with
    /// the mark (Unicode Standard Annex 29): programs that take paths for characters do not find it, and a person hardly does.
    private static func standsApart(_ component: ArraySlice<UInt8>) -> Bool {
        guard component.contains(where: { $0 >= 0x80 }) else { return true }
        let text = "/" + String(decoding: component, as: UTF8.self) + "/"
        return text.first == "/" && text.last == "/"
    }

    package var isRoot: Bool { bytes.isEmpty }

    /// The last component; empty for the root.
    package var name: ArraySlice<UInt8> {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return bytes[...] }
        return bytes[(slash + 1)...]
    }

    /// The root is its own parent.
    package var parent: VirtualPath {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return .root }
        return VirtualPath(bytes: Array(bytes[..<slash]))
    }

    package var absolute: [UInt8] { [UInt8(ascii: "/")] + bytes }

    /// Relative text, "dir/name.xml". Always valid UTF-8.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package var description: String { String(decoding: absolute, as: UTF8.self) }

    package func isInside(_ directory: VirtualPath) -> Bool {
        if directory.isRoot { return !isRoot }
        return bytes.count > directory.bytes.count && bytes[directory.bytes.count] == UInt8(ascii: "/")
            && bytes.starts(with: directory.bytes)
    }

    /// The same path after `directory`, which it lies inside, has become `other`.
    func moved(from directory: VirtualPath, to other: VirtualPath) -> VirtualPath {
        VirtualPath(bytes: other.bytes + bytes[directory.bytes.count...])
    }
}

/// What a path may have beyond the limits of a sender's.
package struct PathRoom: Sendable {
    package var bytes: Int
    package var depth: Int

    package static let none = PathRoom(bytes: 0, depth: 0)

    package init(bytes: Int, depth: Int) {
        self.bytes = bytes
        self.depth = depth
    }
}

/// Why a path was not taken, for the client and the ledger.
package struct PathError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
