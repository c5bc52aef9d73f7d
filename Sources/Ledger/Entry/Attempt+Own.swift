// What the gate's own machine did to look after the gate: recorded, and nobody's call.
import Admission
import JSON

extension Attempt {
    /// Members of `detail`: true, and the kind of entry that anybody else's attempt would be.
    package static let ownMember = "own"
    package static let kindMember = "kind"

    /// Kinds that a caller brings about before anything is stored.
    private static let callers: Set<EntryKind> = [.connection, .request, .login]

    /// The attempt as a probe by the gate's own machine. What was stored stays what it is.
    package var asOwn: Attempt {
        guard Self.callers.contains(kind), drop == nil else { return self }
        var own = self
        own.kind = .probe
        own.detail[Self.ownMember] = true
        own.detail[Self.kindMember] = .string(kind.rawValue)
        return own
    }
}
