// What a fake does that never answers: it waits for its own end, and for no time.

/// Returns by throwing `CancellationError` once the task is cancelled, and never before.
package func untilCancelled() async throws {
    let never = AsyncStream.makeStream(of: Void.self)
    for await _ in never.stream {}
    throw CancellationError()
}
