// Moves bytes between the client, the state machine and its host, until one of them ends. One thread: sshd, on
// the other side of the pipe, is the slower half.
import Files
import Glibc
import SFTPWire

/// Texts that more than one place says.
enum SessionText {
    static let gone = "the gate cannot serve anybody now: its daemon does not answer; try again later"
    static let unable = "the gate cannot serve this account now; try again later"
    static let onlySFTP =
        "this account takes SFTP only: connect with sftp, WinSCP, FileZilla or another SFTP client (scp: without -O)"
    static let ended = "the connection ended before the file was closed"
    static let stopped = "the gate was stopped before the file was closed"
    static let stalled =
        "the gate ended the connection before the file was closed: nothing had come from the client for too long"
    static let hungUp =
        "the gate ended the connection after a failure, because the client waited and did not close the file"
}

struct SessionLoop<Host: SessionHost> {
    private let input: Int32
    private let output: Int32
    /// Readable when the process is asked to end; -1 when there is no such thing.
    private let signals: Int32
    private let link: SessionIPCClient?
    private let host: Host?
    private var box: Host.Machine
    private let buffer = InputBuffer()
    /// On the monotonic clock, in milliseconds.
    private var lastInput: Int64
    private var closingSince: Int64?
    /// Milliseconds of silence after which sshd ends the connection; 0: it does not.
    private let idleLimit: Int64
    /// The gate ends the session, not the client.
    private var endsIt = false

    /// How long a client may still read answers when nothing is taken any more, in milliseconds.
    private static var grace: Int64 { 3000 }
    /// How long a client may say nothing after a failed WRITE, in milliseconds.
    private static var idleGrace: Int64 { 10_000 }

    /// - Parameter host: nil when there is no daemon; the machine refuses everything then.
    /// - Parameter idleTimeout: seconds of silence after which sshd ends the connection; 0: it does not.
    init(
        _ box: Host.Machine, host: Host?, input: Int32, output: Int32, signals: Int32, idleTimeout: Int = 0
    ) {
        idleLimit = Int64(idleTimeout) * 1000
        self.box = box
        self.host = host
        link = host?.link
        self.input = input
        self.output = output
        self.signals = signals
        lastInput = Self.milliseconds()
        link?.isClientThere = { Self.isClientThere(output, signals) }
    }

    /// Whether an answer would be read: nobody has closed the other end of the output for good, as sshd does when it ends the channel,
    /// and this process is not to end.
    private static func isClientThere(_ output: Int32, _ signals: Int32) -> Bool {
        var ending = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
        return !SystemCall.hasEnded(output) && poll(&ending, 1, 0) <= 0
    }

    /// Serves the session to its end.
    mutating func run() {
        var message = SessionText.ended
        serving: while true {
            let step = buffer.withSpan { box.next($0) }
            switch step {
            case .perform(let order): perform(order)
            case .report(let refused): tell(refused)
            case .send:
                guard send(untilEmpty: true) else { break serving }
            case .end:
                _ = send(untilEmpty: true)
                break serving
            case .read:
                switch read() {
                case .more: continue
                case .ended:
                    message = endOfInput
                    break serving
                case .stopped:
                    message = SessionText.stopped
                    break serving
                }
            }
        }
        for order in box.abandon(message) {
            host?.perform(order, for: &box, UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    /// Why there is no more input.
    private var endOfInput: String {
        if endsIt { return box.refusal ?? SessionText.hungUp }
        // sshd does not say that it was it that closed the channel.
        let silence = Self.milliseconds() - lastInput
        return idleLimit > 0 && silence >= idleLimit - 1000 ? SessionText.stalled : SessionText.ended
    }

    private mutating func perform(_ order: Host.Machine.Order) {
        guard let host else {
            box.answer(.failed(StoreError(.gone, SessionText.gone)))
            return
        }
        buffer.withUnsafeBytes { host.perform(order, for: &box, $0) }
    }

    private func tell(_ refused: RefusedRequest) {
        link?.tell(
            .refused(
                SessionRefusal(
                    reason: refused.reason.rawValue, operation: refused.operation, path: refused.path,
                    message: refused.message)))
    }

    // MARK: Reading and sending

    private enum Read {
        case more, ended, stopped
    }

    private mutating func read() -> Read {
        buffer.takeOff(box.takeConsumed())
        while true {
            guard send(untilEmpty: false) else { return .ended }
            switch wait(forInput: true) {
            case .ready: break
            case .again: continue
            case .ended: return .ended
            case .stopped: return .stopped
            }
            let count = buffer.fill(from: input)
            if count > 0 {
                lastInput = Self.milliseconds()
                return .more
            }
            if count == 0 || (errno != EINTR && errno != EAGAIN) { return .ended }
        }
    }

    /// - Returns: false when the client does not take answers any more.
    private mutating func send(untilEmpty: Bool) -> Bool {
        while !box.output.isEmpty {
            let sent = box.output.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
            if sent > 0 {
                box.outputSent(sent)
            } else if sent < 0, errno == EAGAIN {
                guard untilEmpty else { return true }
                switch wait(forInput: false) {
                case .ready, .again: continue
                case .ended, .stopped: return false
                }
            } else if sent < 0, errno != EINTR {
                return false
            }
        }
        return true
    }

    private enum Wait {
        case ready, again, ended, stopped
    }

    /// Waits for input or room for output, and notices a lost link, a signal and the end of a grace.
    private mutating func wait(forInput: Bool) -> Wait {
        // The end may have come before an answer.
        if let ended = link?.ended, box.refusal == nil { box.refuseAll(ended) }
        let timeout = closingTimeout()
        if timeout == 0 {
            endsIt = true
            return .ended
        }
        var descriptors = [
            pollfd(fd: forInput ? input : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: box.output.isEmpty ? -1 : output, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: link?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&descriptors, nfds_t(descriptors.count), timeout) >= 0 else {
            return errno == EINTR ? .again : .ended
        }
        if descriptors[3].revents != 0 { return .stopped }
        if descriptors[2].revents != 0 {
            box.refuseAll(link?.farewell() ?? SessionText.gone)
        }
        if descriptors[forInput ? 0 : 1].revents != 0 { return .ready }
        return .again
    }

    /// For poll(2), in milliseconds: -1 is for ever, 0 says that the channel is to be closed now.
    private mutating func closingTimeout() -> Int32 {
        let now = Self.milliseconds()
        let deadline: Int64
        switch box.closing {
        case .no: return -1
        case .whenIdle: deadline = lastInput + Self.idleGrace
        case .soon:
            let since = closingSince ?? now
            closingSince = since
            deadline = since + Self.grace
        }
        return Int32(clamping: max(0, deadline - now))
    }

    private static func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
