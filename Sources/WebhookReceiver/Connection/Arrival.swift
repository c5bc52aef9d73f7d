// A request that has arrived whole and may go on: what the event loop hands to the asynchronous side.
// Nothing half-read, refused or ambiguous ever becomes one.
import Admission
import Ledger
import NIOCore

struct Arrival: Sendable {
    /// Where the answer goes: the connection, or the HTTP/2 stream.
    let channel: any NIOCore.Channel
    /// Other requests of the same connection may be answered meanwhile (HTTP/2).
    let isMultiplexed: Bool
    /// The reference of this request.
    let id: String
    let decision: Decision
    let method: String
    let maskedPath: String
    /// Fingerprint of the client's certificate, with mTLS.
    let credential: String?
    let matter: Matter

    enum Matter: Sendable {
        case event(body: [UInt8], contentType: String?, signature: OfferedSignature?)
        case probe(ProbeFacts)
    }
}

/// What `GET /reachability` tells beside the decision.
struct ProbeFacts: Sendable {
    /// "1.0", "1.1" or "2".
    var http: String
    /// "1.2", "1.3", or nil without TLS.
    var tls: String?
}
