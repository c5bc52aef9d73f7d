// "Did you mean …": the nearest known word to one that nobody knows. It only words messages.

enum Suggestion {
    /// A sentence for an unknown word: the nearest allowed word, or all of them.
    static func sentence(for word: String, among allowed: [String]) -> String {
        if let near = nearest(to: word, among: allowed) { return "did you mean \(near)?" }
        return "allowed here: \(allowed.joined(separator: ", "))"
    }

    /// The allowed word within a third of the word's length in edits (at least one), or nil.
    static func nearest(to word: String, among allowed: [String]) -> String? {
        let limit = max(1, word.count / 3)
        let distances = allowed.map { (word: $0, distance: distance(word.lowercased(), $0.lowercased())) }
        guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= limit else {
            return nil
        }
        return best.distance < best.word.count ? best.word : nil
    }

    /// Levenshtein distance.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (i, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let substitution = diagonal + (byte == right[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substitution, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
