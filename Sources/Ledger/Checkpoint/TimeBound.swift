// Bounds of time for what others are asked: who does not answer is waited for no longer.

/// The end of such a bound.
package struct TimeoutError: Error, CustomStringConvertible {
    package let bound: Duration

    package var description: String {
        "it did not answer within \(bound.components.seconds) s; see whether it is up and can be reached from here"
    }
}

/// Carries `work` out and cancels it after `bound`. It must end soon once it is cancelled: what blocks a thread goes
/// through a `BlockingExecutor`. Throws `TimeoutError` when the bound ended it, else what `work` throws.
package func within<R: Sendable>(
    _ bound: Duration, _ work: @escaping @Sendable () async throws -> R
) async throws -> R {
    try await withThrowingTaskGroup(of: R?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: bound)
            return nil
        }
        defer { group.cancelAll() }
        if let done = try await group.next(), let value = done { return value }
        group.cancelAll()
        // It may have been done in the same moment.
        if let done = try? await group.next(), let value = done { return value }
        throw TimeoutError(bound: bound)
    }
}
