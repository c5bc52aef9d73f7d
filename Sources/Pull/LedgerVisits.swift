// Visits to the ledger's one writer. Where no gate runs, this process is the writer and holds the ledger's lock meanwhile, and a gate
// that was started waits for it: a visit is short, and nothing is fetched in one.
import Management

struct LedgerVisits: Sendable {
    /// So long at most a visit goes on with the next drop: a gate that starts waits a second for the ledger.
    static let longest = Duration.milliseconds(300)

    private let open: @Sendable () async throws -> any GateAuthority
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameter open: finds the writer, or becomes it.
    init(
        open: @escaping @Sendable () async throws -> any GateAuthority,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.open = open
        self.now = now
    }

    func visit<Answer: Sendable>(
        _ body: (any GateAuthority) async throws -> Answer
    ) async throws -> Answer {
        try await open().closing(body)
    }

    /// One after the other, the first at least, for as long as a visit may take. What came of each that had its turn.
    func visit<Element, Outcome: Sendable>(
        each elements: ArraySlice<Element>, _ body: (Element, any GateAuthority) async throws -> Outcome
    ) async throws -> [Outcome] {
        try await visit { authority -> [Outcome] in
            let end = now() + Self.longest
            var outcomes: [Outcome] = []
            for element in elements {
                guard outcomes.isEmpty || now() < end else { break }
                outcomes.append(try await body(element, authority))
            }
            return outcomes
        }
    }
}
