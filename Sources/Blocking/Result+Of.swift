// An outcome as a value, of what is waited for.

extension Result {
    /// What became of `body`: for what is waited for beside something else. As `init(catching:)`, which does not wait.
    package static func of(_ body: () async throws(Failure) -> Success) async -> Self {
        do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
}
