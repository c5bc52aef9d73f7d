// A request from the moment its header was found good, and once it has arrived whole: what the event loop hands to the
// asynchronous side. Nothing half-read, refused or ambiguous ever becomes a `ReceivedRequest`.
import Admission
import Ledger
import NIOCore

/// What a header that was found good says of its request. An object: it is held by each step until the answer, and a copy of its many
/// members for each would cost.
final class RequestHead: Sendable {
    enum Purpose: Sendable {
        case event
        /// From a source that is not let in: kept apart if it is VSee's in form, and refused all the same. `failed`: the checks
        /// beside the address that it did not pass.
        case unlisted(failed: [String])
        case reachability
    }

    /// The reference of this request.
    let id: String
    /// That on the header; it is made again before an event is accepted.
    let decision: Decision
    let method: String
    let maskedPath: String
    let purpose: Purpose
    /// Fingerprint of the client's certificate, with mTLS.
    let credential: String?
    let transport: TransportFacts
    let signature: OfferedSignature?
    let contentType: String?
    /// Bytes that the body may have, and bytes that were announced (0: not known).
    let limit: Int
    let announced: Int

    init(
        id: String, decision: Decision, method: String, maskedPath: String, purpose: Purpose,
        credential: String?,
        transport: TransportFacts, signature: OfferedSignature?, contentType: String?, limit: Int,
        announced: Int
    ) {
        self.id = id
        self.decision = decision
        self.method = method
        self.maskedPath = maskedPath
        self.purpose = purpose
        self.credential = credential
        self.transport = transport
        self.signature = signature
        self.contentType = contentType
        self.limit = limit
        self.announced = announced
    }
}

struct ReceivedRequest: Sendable {
    let head: RequestHead
    let body: [UInt8]
    /// What the body takes of the budget of all bodies, until the request is settled.
    let share: BodyShare?
    /// Where the answer goes: the connection, or the HTTP/2 stream.
    let channel: any NIOCore.Channel
    /// Other requests of the same connection may be answered meanwhile (HTTP/2).
    let isMultiplexed: Bool
}

/// How a request came; told to those who test whether they can reach the gate.
struct TransportFacts: Sendable {
    /// "1.0", "1.1" or "2".
    var http: String
    /// "1.2", "1.3", or nil without TLS.
    var tls: String?
}
