// A thread for work that nobody waits for, beside work that somebody waits for.
package import Dispatch
import Foundation
import Synchronization

/// Does one piece of work after the other on a thread of its own, which gets less of a busy processor than other threads do
/// (nice(2)); on an idle machine it is as fast as they are. The thread ends with its owner, after the work in hand; work that waits
/// for its time then is left out.
package final class PatientThread: Sendable {
    /// Added to the process's own nice value: where others want the processor, too, it gets about a tenth of what each of them gets
    /// (sched(7)).
    private static let niceness: Int32 = 10

    private let agenda = Agenda()

    /// - Parameter label: the thread's name, of which the system keeps 15 bytes.
    package init(label: String) {
        let agenda = agenda
        let thread = Thread {
            let whose = __priority_which_t(PRIO_PROCESS.rawValue)
            // Of this thread alone, on Linux. Should it fail, the thread is one like others.
            _ = setpriority(whose, 0, getpriority(whose, 0) + Self.niceness)
            agenda.work()
        }
        thread.name = label
        thread.start()
    }

    deinit { agenda.end() }

    /// Begins work after a time, once what was to begin before is done. Never on the caller's thread.
    package func begin(after time: DispatchTimeInterval, _ work: @escaping @Sendable () -> Void) {
        agenda.add(work, due: .now() + time)
    }
}

/// What a thread is to do, and when.
private final class Agenda: Sendable {
    private struct State {
        var waiting: [(due: DispatchTime, work: @Sendable () -> Void)] = []
        var isEnded = false
    }

    private enum Step {
        case work(@Sendable () -> Void)
        case wait(until: DispatchTime)
        case end
    }

    private let state = Mutex(State())
    private let news = DispatchSemaphore(value: 0)

    func add(_ work: @escaping @Sendable () -> Void, due: DispatchTime) {
        state.withLock { $0.waiting.append((due, work)) }
        news.signal()
    }

    func end() {
        state.withLock { $0.isEnded = true }
        news.signal()
    }

    func work() {
        while true {
            switch next() {
            case .work(let work): work()
            case .wait(let due): _ = news.wait(timeout: due)
            case .end: return
            }
        }
    }

    private func next() -> Step {
        state.withLock { state in
            if state.isEnded { return .end }
            guard let first = state.waiting.indices.min(by: { state.waiting[$0].due < state.waiting[$1].due })
            else { return .wait(until: .distantFuture) }
            let due = state.waiting[first].due
            return due <= .now() ? .work(state.waiting.remove(at: first).work) : .wait(until: due)
        }
    }
}
