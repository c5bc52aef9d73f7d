// What is wrong with a request. Handlers nearer to the bytes find it, `RequestHandler` answers and records it.

/// As an event before a header: of that header. As an error: of the request that is being read.
struct RequestError: Error, Hashable {
    /// For the ledger.
    let sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}
