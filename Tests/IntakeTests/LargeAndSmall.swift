// Uploads come in two kinds, and what a sender sees and a consumer gets is the same for both.
import Testing

/// Runs each test of a suite twice: with uploads that are files from the start, and with small ones, which the ledger keeps until
/// they are released.
struct LargeAndSmall: SuiteTrait, TestTrait, TestScoping {
    @TaskLocal static var isSmall = false

    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> LargeAndSmall? {
        testCase == nil ? nil : self
    }

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await function()
        try await Self.$isSmall.withValue(true, operation: function)
    }
}

extension Trait where Self == LargeAndSmall {
    static var largeAndSmall: LargeAndSmall { LargeAndSmall() }
}
