// How many of something, in words.

package enum Counted {
    /// "1 entry", "0 entries".
    package static func text(_ count: some BinaryInteger, _ one: String, _ many: String) -> String {
        "\(count) \(count == 1 ? one : many)"
    }

    package static func entries(_ count: some BinaryInteger) -> String { text(count, "entry", "entries") }
    package static func bytes(_ count: some BinaryInteger) -> String { text(count, "byte", "bytes") }
    package static func attempts(_ count: some BinaryInteger) -> String {
        text(count, "attempt", "attempts")
    }
    package static func findings(_ count: some BinaryInteger) -> String {
        text(count, "finding", "findings")
    }
}
