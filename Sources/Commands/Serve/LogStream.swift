// Where the gate's log goes. Who logs never waits for who reads: a journal that hangs, or a terminal that somebody has stopped, must not
// keep a sender from its answer, nor the gate from its end.
import Admission
import Dispatch
import Files
import Glibc
import Synchronization

/// A descriptor that lines are written to, in their order. What its reader does not take at once waits in memory, up to a limit; lines
/// beyond that are lost and counted, and a line says so once the reader goes on. A reader that is gone loses all of them.
final class LogStream: TextOutputStream, Sendable {
    static let standardError = LogStream(STDERR_FILENO)

    /// What a pipe or a socket takes without waiting once poll(2) says that it can be written (PIPE_BUF, pipe(7)).
    private static let piece = 4096

    private struct State {
        var waiting: ArraySlice<UInt8> = []
        /// Lines.
        var lost = 0
        var isDraining = false
    }

    private let descriptor: Int32
    private let most: Int
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "log")
    private let draining = DispatchGroup()

    /// - Parameter most: bytes that may wait.
    init(_ descriptor: Int32, most: Int = 1 << 20) {
        self.descriptor = descriptor
        self.most = most
    }

    /// - Parameter line: with its end.
    func write(_ line: String) {
        var bytes = Array(line.utf8)[...]
        let mustDrain = state.withLock { state in
            // Most lines go out here, before whatever comes next can end the process.
            if !state.isDraining, put(&bytes) { return false }
            guard state.waiting.count + bytes.count <= most else {
                state.lost += 1
                return false
            }
            state.waiting += bytes
            guard !state.isDraining else { return false }
            state.isDraining = true
            draining.enter()
            return true
        }
        if mustDrain { queue.async { self.drain() } }
    }

    /// Returns when nothing waits, or after so many seconds.
    func finish(within seconds: Double) { _ = draining.wait(timeout: .now() + seconds) }

    private func drain() {
        repeat { _ = isWritable(waiting: true) } while !putWaiting()
        draining.leave()
    }

    /// Returns whether all of it is written: then nobody drains any more.
    private func putWaiting() -> Bool {
        state.withLock { state in
            while !state.waiting.isEmpty {
                guard put(&state.waiting) else { return false }
                guard state.lost > 0 else { break }
                state.waiting += Self.note(state.lost)
                state.lost = 0
            }
            // What it has taken of memory goes with it.
            (state.waiting, state.isDraining) = ([], false)
            return true
        }
    }

    private static func note(_ lost: Int) -> [UInt8] {
        Array(
            "dropgate: \(Counted.text(lost, "line", "lines")) of this log missing here, for nobody read it\n"
                .utf8)
    }

    /// Writes what goes out without waiting. Returns whether nothing is left; what nobody reads any more is not.
    private func put(_ bytes: inout ArraySlice<UInt8>) -> Bool {
        while !bytes.isEmpty {
            guard isWritable(waiting: false) else { return false }
            let (count, error) = SystemCall.writeSome(bytes.prefix(Self.piece), to: descriptor)
            bytes = bytes.dropFirst(count)
            guard let error else { continue }
            if error.code == EAGAIN { return false }
            bytes = []
        }
        return true
    }

    /// Also where a write would fail at once.
    private func isWritable(waiting: Bool) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&watched, 1, waiting ? -1 : 0) > 0
    }
}
