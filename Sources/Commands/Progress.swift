// A line on stderr that says how far long work is: on a terminal only, from the second second on.
import Foundation
import Synchronization

final class Progress: Sendable {
    private struct State {
        var began: ContinuousClock.Instant
        var shown: ContinuousClock.Instant?
    }

    private let what: String
    private let state: Mutex<State>
    private let isOn = Output.capture == nil && isatty(STDERR_FILENO) == 1

    init(_ what: String) {
        self.what = what
        state = Mutex(State(began: .now))
    }

    /// Cheap enough to call often.
    func show(_ done: Int64, of total: Int64) {
        guard isOn, total > 0 else { return }
        let rate = state.withLock { state -> Double? in
            let now = ContinuousClock.now
            guard now - (state.shown ?? state.began + .milliseconds(800)) >= .milliseconds(200) else {
                return nil
            }
            state.shown = now
            return Double(done) / max(0.001, (now - state.began) / .seconds(1))
        }
        guard let rate else { return }
        let left = rate > 0 ? Int(Double(total - done) / rate) : 0
        let text = "\(what): \(done) of \(total) (\(done * 100 / total) %), \(Int(rate))/s, \(left) s left"
        Output.progress("\r\u{1B}[K" + text)
    }

    /// Takes the line away.
    func end() {
        if state.withLock({ $0.shown != nil }) { Output.progress("\r\u{1B}[K") }
    }
}
