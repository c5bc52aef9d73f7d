// Paths with the names of parameters in braces: `drops/{id}`. Pure.

enum PathPattern {
    /// The values of the parameters in a path, by name; nil: it is none of this pattern.
    static func values(of pattern: String, in path: [Substring]) -> [String: String]? {
        let own = pattern.split(separator: "/", omittingEmptySubsequences: false)
        guard own.count == path.count else { return nil }
        var values: [String: String] = [:]
        for (part, value) in zip(own, path) {
            if part.first == "{" {
                values[String(part.dropFirst().dropLast())] = String(value)
            } else if part != value {
                return nil
            }
        }
        return values
    }
}
