// Several things of which each has its turn, whatever becomes of the others.

/// Keeps the first of their failures until they are done.
struct FirstFailure: Sendable {
    private var first: (any Error)?

    mutating func note(_ error: any Error) { first = first ?? error }

    mutating func attempt(_ step: () async throws -> Void) async {
        do { try await step() } catch { note(error) }
    }

    /// Throws it, if there was one.
    func rethrow() throws {
        if let first { throw first }
    }
}
