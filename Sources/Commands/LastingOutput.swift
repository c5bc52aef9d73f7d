// Lines of work that goes on to its end also when nobody can be told of it any more.

struct LastingOutput {
    private var failure: OutputError?
    private let done: String?

    /// - Parameter done: what the lines tell of that stands also where they do not arrive, in words; nil where they only answer.
    init(done: String? = Output.changeIsMade) { self.done = done }

    var hasFailed: Bool { failure != nil }

    /// Prints a line, unless an earlier one did not arrive.
    mutating func line(_ text: String) throws { try print { try Output.line(text) } }

    /// As for a line.
    mutating func print(_ body: () throws -> Void) throws {
        guard failure == nil else { return }
        do { try body() } catch let error as OutputError { failure = error }
    }

    /// Throws what kept a line from arriving (`OutputError`), which says what is done.
    func finish() throws {
        guard let failure else { return }
        if let done { throw failure.after(done) }
        throw failure
    }
}
