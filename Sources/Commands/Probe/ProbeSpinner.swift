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

    /// Takes the line away until the next step begins.
    func clear() {
        state.withLock { state in
            state.step = nil
            if isOn { Output.progress("\r\u{1B}[K") }
        }
    }

    /// Runs `body` with the line kept moving.
    func around<Value>(_ body: () async throws -> Value) async throws -> Value {
        guard isOn else { return try await body() }
        defer { clear() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: Self.pace)) != nil { self.draw() }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    private func draw() {
        guard isOn else { return }
        // Printed under the lock: nothing may come after `clear`.
        state.withLock { state in
            guard let step = state.step else { return }
            state.turn += 1
            let seconds = (ContinuousClock.now - state.began).components.seconds
            let time = seconds > 0 ? " \(seconds) s" : ""
            Output.progress("\r\u{1B}[K\(Self.pictures[state.turn % 4]) \(step)\(time)")
        }
    }
}
