// Work that goes on beside whoever asks for it, one at a time, until its owner ends.
import Synchronization

package final class SideTask: Sendable {
    private struct State {
        /// What goes on.
        var task: Task<Void, Never>?
        var isEnded = false
    }

    private let state = Mutex(State())
    private let executor: BlockingExecutor

    package init(label: String) { executor = BlockingExecutor(label: label, width: 1) }

    /// Begins it, unless it goes on already or none is to be begun any more.
    /// - Parameter work: may block.
    package func begin(_ work: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            guard state.task == nil, !state.isEnded else { return }
            state.task = Task(executorPreference: executor) { [self] in
                await work()
                self.state.withLock { $0.task = nil }
            }
        }
    }

    /// Cancels it and begins none any more; returns when none goes on.
    package func end() async {
        let task = state.withLock { state in
            state.isEnded = true
            return state.task
        }
        task?.cancel()
        await task?.value
    }
}
