// Why a network rule could not be checked or exported.

package struct RuleBookError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// A host has no address, or its name server does not answer.
        case unresolved
        /// What was asked for did not get through.
        case blocked
        /// Neither yes nor no.
        case inconclusive
        /// A firewall that is written so would do something else than was meant.
        case notExportable
    }

    package let code: Code
    /// What is wrong, and what to do where that is known.
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
