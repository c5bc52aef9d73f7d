// Why a place that somebody wrote down, a URL, a server or the keys of its host, is not one that can be called.

package struct TargetError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and how it is written; never the text itself where a secret may stand in it.
    package let description: String

    package init(_ description: String) { self.description = description }
}
