// Lines about changes that are made to their end also when nobody can be told of them.

struct LastingOutput {
    private var failure: OutputError?

    init() {}

    /// Prints a line, unless an earlier one did not arrive.
    mutating func line(_ text: String) throws {
        guard failure == nil else { return }
        do { try Output.line(text) } catch let error as OutputError { failure = error }
    }

    /// Throws what kept a line from arriving (`OutputError`), which says that what it tells of is done.
    func finish() throws {
        if let failure { throw failure.after(Output.changeIsMade) }
    }
}
