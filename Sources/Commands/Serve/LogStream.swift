// Where the gate's log goes. Who logs never waits for who reads: a journal that hangs, or a terminal that somebody has stopped, must not
// keep a sender from its answer, nor the gate from its end.
import Admission
import Dispatch
import Files
import Glibc
import Synchronization

/// A descriptor that lines are written to, in their order. What its reader does not take at once waits in memory, up to a limit; lines
/// beyond that are lost and counted, and a line in their place says so once the reader goes on. A reader that is gone loses all of them.
final class LogStream: TextOutputStream, Sendable {
    static let standardError = LogStream(STDERR_FILENO)

    /// What is written at once where a write may wait (PIPE_BUF, pipe(7)).
    private static let piece = 4096

    private struct State {
        var waiting: ArraySlice<UInt8> = []
        /// Lines since the last one that was kept.
        var lost = 0
        var isDraining = false
    }

    private let target: LogTarget
    private let most: Int
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "log")
    private let draining = DispatchGroup()

    /// - Parameter most: bytes that may wait.
    init(_ descriptor: Int32, most: Int = 1 << 20) {
        target = LogTarget(descriptor)
        self.most = most
    }

    /// - Parameter line: with its end.
    func write(_ line: String) {
        var bytes = Array(line.utf8)[...]
        let mustDrain = state.withLock { state in
            // Most lines go out here, before whatever comes next can end the process.
            if !state.isDraining, !target.mayWait {
                bytes = bytes.dropFirst(target.write(bytes))
                if bytes.isEmpty { return false }
            }
            // Behind a gap nothing is kept before the gap is told.
            if state.lost == 0, state.waiting.count + bytes.count <= most {
                state.waiting += bytes
            } else {
                state.lost += 1
            }
            guard !state.isDraining else { return false }
            state.isDraining = true
            draining.enter()
            return true
        }
        if mustDrain { queue.async { self.drain() } }
    }

    /// Returns when nothing waits, or after so many seconds.
    func finish(within seconds: Double) { _ = draining.wait(timeout: .now() + seconds) }

    /// Writes what waits, in pieces, while others add to it.
    private func drain() {
        while let piece = nextPiece() {
            target.waitUntilWritable()
            let count = target.write(piece)
            state.withLock { $0.waiting = $0.waiting.dropFirst(count) }
        }
        draining.leave()
    }

    /// nil where nothing waits: then nobody drains any more.
    private func nextPiece() -> ArraySlice<UInt8>? {
        state.withLock { state in
            if state.waiting.isEmpty, state.lost > 0 {
                state.waiting += Self.note(state.lost)
                state.lost = 0
            }
            guard !state.waiting.isEmpty else {
                // What it has taken of memory goes with it.
                (state.waiting, state.isDraining) = ([], false)
                return nil
            }
            return Array(state.waiting.prefix(Self.piece))[...]
        }
    }

    private static func note(_ lost: Int) -> [UInt8] {
        Array(
            "dropgate: \(Counted.text(lost, "line", "lines")) of this log lost here, because nobody read it\n"
                .utf8)
    }
}

/// What a log is written to, best without waiting.
private final class LogTarget: Sendable {
    private let descriptor: Int32
    private let isSocket: Bool
    private let isOwn: Bool
    /// Whether a write may wait for a reader all the same.
    let mayWait: Bool

    init(_ shared: Int32) {
        var status = stat()
        let type = fstat(shared, &status) == 0 ? status.st_mode & S_IFMT : S_IFREG
        isSocket = type == S_IFSOCK
        // The description is shared with others, who rely on writes that wait: a pipe or a terminal is opened anew. Not a file: its
        // writes wait for nobody, and a new description begins at its start.
        let isRead = type == S_IFIFO || isatty(shared) == 1
        let own =
            isRead
            ? open("/proc/self/fd/\(shared)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1
        isOwn = own >= 0
        descriptor = isOwn ? own : shared
        mayWait = isRead && !isOwn
    }

    deinit { if isOwn { close(descriptor) } }

    /// Returns how many bytes need not be written any more: those that went out, and all where nobody takes them.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes in
                isSocket
                    ? send(descriptor, bytes.baseAddress, bytes.count, Self.flags)
                    : Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN ? bytes.count - rest.count : bytes.count
            }
            rest = rest.dropFirst(count)
        }
        return bytes.count
    }

    private static let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)

    /// Also where a write would fail at once.
    func waitUntilWritable() {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&watched, 1, -1)
    }
}
