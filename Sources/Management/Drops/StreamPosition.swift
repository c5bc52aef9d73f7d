// How far a consumer has come that follows released drops. Pure.

/// Behind an entry, without some drops before it that were not released yet: `120`, or `120-87-91`. They are given once they are.
package struct StreamPosition: Sendable, Hashable, CustomStringConvertible {
    /// Drops that may be left out at most; more than these have all behind them wait.
    package static let mostOpen = 64
    /// What is never an entry's number: nothing was seen.
    package static let beginning = StreamPosition(last: -1)
    /// Of ECMA 262, for whoever checks one beforehand.
    package static let pattern = "^(-1|[0-9]{1,16}(-[0-9]{1,16}){0,\(mostOpen)})$"

    package var last: Int64
    /// Ascending, each below `last`.
    package var open: [Int64] = []

    package init(last: Int64, open: [Int64] = []) {
        self.last = last
        self.open = open
    }

    /// nil for what would be written in another way.
    package init?(_ text: String) {
        guard text != "-1" else {
            self = .beginning
            return
        }
        let numbers = text.split(separator: "-", omittingEmptySubsequences: false).map { Int64($0) ?? -1 }
        guard let last = numbers.first, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
        self.init(last: last, open: Array(numbers.dropFirst()))
        guard open.count <= Self.mostOpen, zip(open, open.dropFirst() + [last]).allSatisfy(<),
            description == text
        else { return nil }
    }

    package var description: String { ([last] + open).map(String.init).joined(separator: "-") }

    /// A drop behind it, or one that was left out, was given; all between that were not released are left out now.
    /// - Parameter pending: drops of entries above `last` that are to be left out, ascending.
    package mutating func give(_ seq: Int64, pending: [Int64]) {
        guard seq > last else { return open.removeAll { $0 == seq } }
        open += pending.filter { $0 > last && $0 < seq }
        last = seq
    }
}
