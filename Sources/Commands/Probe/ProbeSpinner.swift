// Which step a probe is at, on a line of stderr that is written over: on a terminal only.
import Foundation
import Reachability
import Synchronization

final class ProbeSpinner: Sendable {
    private struct State {
        var step: String?
        var began = ContinuousClock.now
        var turn = 0
    }

    private static let pictures = ["|", "/", "-", "\\"]
    private static let pace: Duration = .milliseconds(120)

    private let state = Mutex(State())
    private let isOn: Bool

    init(_ format: ProbeFormat) {
        isOn = format == .text && Output.capture == nil && isatty(STDERR_FILENO) == 1
    }

    func handle(_ event: ProbeEvent) {
        state.withLock { state in
            if case .began(let step) = event {
                state.step = step
                state.began = .now
            } else {
                state.step = nil
            }
        }
        draw()
    }

    /// Runs `body` with the line kept moving, and takes the line away.
    func around<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
        guard isOn else { return await body() }
        defer { Output.progress("\r\u{1B}[K") }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: Self.pace)) != nil { self.draw() }
            }
            let value = await body()
            group.cancelAll()
            return value
        }
    }

    private func draw() {
        guard isOn else { return }
        let line = state.withLock { state -> String? in
            guard let step = state.step else { return nil }
            state.turn += 1
            let seconds = (ContinuousClock.now - state.began).components.seconds
            return "\(Self.pictures[state.turn % 4]) \(step)" + (seconds > 0 ? " \(seconds) s" : "")
        }
        if let line { Output.progress("\r\u{1B}[K" + line) }
    }
}
