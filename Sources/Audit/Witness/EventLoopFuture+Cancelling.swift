import NIOCore

extension EventLoopFuture where Value: Sendable {
    /// As `get`, but a caller that is cancelled waits no longer and gets `CancellationError`. What was begun goes on.
    func getUnlessCancelled() async throws -> Value {
        let promise = eventLoop.makePromise(of: Value.self)
        cascade(to: promise)
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            promise.fail(CancellationError())
        }
    }
}
