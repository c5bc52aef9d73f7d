// A caller that changed lists keep out.
package import Admission
package import JSON

/// A change of the lists after which a source is refused that was let in before.
package struct RefusedAfterChange: Sendable {
    /// The entry of the change, or of the start with other lists, and when it was.
    package let seq: Int64
    package let time: Instant
    package let change: DecisionChange
    /// Its newest attempt that was refused after the change; nil: it has not called since.
    package let lastRefused: Instant?

    package var json: JSONValue {
        guard case .object(var members) = change.json else { return change.json }
        members["changed_by_entry"] = .int(seq)
        members["changed"] = .string(time.description)
        members["last_refused"] = lastRefused.map { .string($0.description) }
        return .object(members)
    }
}
