// One thread at a time for one actor whose methods block.
import Dispatch

package final class BlockingQueue: SerialExecutor {
    private let queue: DispatchQueue

    /// - Parameter label: for whoever looks at the process with a debugger.
    package init(label: String) { queue = DispatchQueue(label: label) }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
