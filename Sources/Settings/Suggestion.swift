// "Did you mean …": the nearest known word to one that nobody knows. It only words messages.

package enum Suggestion {
    /// A sentence for an unknown word: the nearest allowed word, or all of them.
    package static func sentence(for word: String, among allowed: [String]) -> String {
        if let near = nearest(to: word, among: allowed) { return "did you mean \(near)?" }
        return "allowed here: \(allowed.joined(separator: ", "))"
    }

    /// The allowed word within a third of the word's length in edits (at least one), else the only one that begins with it.
    package static func nearest(to word: String, among allowed: [String]) -> String? {
        let limit = max(1, word.count / 3)
        let distances = allowed.map { (word: $0, distance: distance(word.lowercased(), $0.lowercased())) }
        guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= limit else {
            let longer = word.count >= 3 ? allowed.filter { $0.hasPrefix(word.lowercased()) } : []
            return longer.count == 1 ? longer[0] : nil
        }
        return best.distance < best.word.count ? best.word : nil
    }

    /// Edits from one to the other: a byte more, less or another, or two that changed places (optimal string alignment).
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var rows = [Array(0...right.count)]
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                var best = min(
                    rows[i][j] + (left[i] == right[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
