// What another gate says of a drop that its collector may have acknowledged: where the answer to an acknowledgement was lost, it is the
// only one that knows.
import JSON

package enum DropFate: Sendable, Hashable {
    /// It may be fetched and acknowledged, now or, when its sender has just renamed it, in a moment.
    case waits
    /// This account has acknowledged it.
    case acknowledged
    /// Its bytes are gone there, and nobody has got it: what was fetched is the last copy.
    case lost
    /// It was given to somebody else, or taken back by its sender: a word that says which.
    case gone(String)
    /// The other gate does not say.
    case unknown

    /// - Parameter bytes: the other gate's JSON. What is not understood is `.unknown`: nothing is done by it.
    package init(_ bytes: [UInt8], id: String) {
        guard let value = try? JSONValue(parsing: bytes), value["drop"]?.string == id else {
            self = .unknown
            return
        }
        switch value["state"]?.string {
        case "pending", "released": self = .waits
        case "withdrawn": self = .gone("withdrawn")
        case "taken": self = .gone("taken")
        case "lost": self = .lost
        case "acknowledged", "forgotten":
            switch value["by_you"]?.bool {
            case true?: self = .acknowledged
            case false?: self = .gone("acknowledged for another")
            // Its entries do not tell any more.
            case nil: self = .unknown
            }
        default: self = .unknown
        }
    }
}
