// Where entries are forwarded to: a stream that takes them in order and says how far it has them for certain.

/// One entry, rendered.
struct ForwardRecord: Sendable {
    var seq: Int64
    var bytes: [UInt8]
}

/// A connection to a target, or an open file.
protocol ForwardStream: AnyObject, Sendable {
    /// Called before each `send`: decides where the next records go, so that the position can name the place before
    /// anything is there. Throws `ForwardError`.
    func prepare() throws

    /// Takes records in order. Throws `ForwardError`.
    func send(_ records: [ForwardRecord]) async throws

    /// The last entry that is certainly there. Throws `ForwardError` when the stream has ended.
    func confirmed() async throws -> Int64?

    /// Whether more may be sent before something is confirmed.
    var hasRoom: Bool { get }

    func close() async
}

extension ForwardStream {
    func prepare() throws {}
}

/// A stream has ended.
struct ForwardError: Error, CustomStringConvertible {
    /// The last entry that is certainly there, if that is known: later ones are sent again.
    var confirmed: Int64?
    var description: String
}
