// A request that has arrived whole and may go on: what the event loop hands to the asynchronous side.
// Nothing half-read, refused or ambiguous ever becomes one.
import Admission
import Ledger
import NIOCore

struct ReceivedRequest: Sendable {
    /// Where the answer goes: the connection, or the HTTP/2 stream.
    let channel: any NIOCore.Channel
    /// Other requests of the same connection may be answered meanwhile (HTTP/2).
    let isMultiplexed: Bool
    /// The reference of this request.
    let id: String
    /// That on the header; it is made again before an event is accepted.
    var decision: Decision
    let method: String
    let maskedPath: String
    /// Fingerprint of the client's certificate, with mTLS.
    let credential: String?
    let transport: TransportFacts
    let payload: Payload
    /// What the body takes of the budget of all bodies, until the request is settled.
    let share: BodyShare?

    enum Payload: Sendable {
        case event(OfferedEvent)
        /// From a source that is not let in: kept apart if it is VSee's in form, and refused all the same.
        /// `failed`: the checks beside the address that it did not pass.
        case unlisted(OfferedEvent, failed: [String])
        case reachability
    }
}

/// A body that was read to its end, with what its header said of it.
struct OfferedEvent: Sendable {
    var body: [UInt8]
    var contentType: String?
    var signature: OfferedSignature?
}

/// How a request came; told to those who test whether they can reach the gate.
struct TransportFacts: Sendable {
    /// "1.0", "1.1" or "2".
    var http: String
    /// "1.2", "1.3", or nil without TLS.
    var tls: String?
}
