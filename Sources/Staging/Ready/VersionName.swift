// The names of later versions of a file whose earlier ones still wait for their consumer. Pure.

package enum VersionName {
    /// Endings that come after the one that says what a file is: `labs.csv.gz`.
    private static let outer: Set<String> = [
        "gz", "bz2", "xz", "zst", "gpg", "pgp", "asc", "p7m", "enc", "sig", "zip",
    ]
    /// The longest ending that counts as one, in bytes.
    private static let longestEnding = 8
    /// NAME_MAX, in bytes.
    private static let longestName = 255

    /// `dir/labs.csv` as version 2 is `dir/labs~2.csv`, so that a consumer's `*.csv` finds it; version 1 is the name
    /// itself. A name that would be too long for the file system loses bytes before its version.
    package static func path(_ plain: String, version: Int) -> String {
        guard version > 1 else { return plain }
        let slash = plain.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { plain[..<plain.utf8.index(after: $0)] } ?? ""
        let name = slash.map { plain[plain.utf8.index(after: $0)...] } ?? plain[...]
        var (stem, endings) = split(name)
        let mark = "~\(version)"
        while stem.utf8.count + mark.utf8.count + endings.utf8.count > longestName, !stem.isEmpty {
            stem.unicodeScalars.removeLast()
        }
        return folder + stem + mark + endings
    }

    /// Before and from the dot where the endings begin. A dot in front makes a hidden name and no ending.
    private static func split(_ name: Substring) -> (stem: Substring, endings: Substring) {
        guard let last = ending(of: name) else { return (name, "") }
        if outer.contains(name[name.utf8.index(after: last)...].lowercased()),
            let second = ending(of: name[..<last]),
            isWord(name[second..<last].dropFirst())
        {
            return (name[..<second], name[second...])
        }
        return (name[..<last], name[last...])
    }

    private static func ending(of name: Substring) -> Substring.Index? {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex,
            name[dot...].utf8.count - 1 <= longestEnding
        else { return nil }
        return dot
    }

    /// A letter, then letters and digits: not the day in `labs.2026.gz`.
    private static func isWord(_ text: Substring) -> Bool {
        text.utf8.first.map { !(0x30...0x39).contains($0) } ?? false
            && text.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || $0.properties.numericType != nil
            }
    }
}
