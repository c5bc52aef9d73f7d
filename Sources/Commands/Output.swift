// What commands print: answers to stdout, errors and progress to stderr. Text from outside must be made
// printable before it comes here (`UntrustedText`); what misleads in a line for people is escaped here at last.
// An answer that does not arrive is an error of the command (`OutputError`); what goes to stderr never is.
import Admission
import Files
import Foundation
import JSON
import Synchronization

package enum Output {
    /// Takes what is printed in place of the process's own streams.
    @TaskLocal package static var capture: Capture?

    // MARK: Answers. These throw `OutputError`.

    static func line(_ text: String = "") throws {
        try answer(Array((UntrustedText.visible(text) + "\n").utf8))
    }

    /// - Parameter colour: given the column and the padded cell.
    static func table(_ table: TextTable, colour: (Int, String) -> String = { $1 }) throws {
        for line in table.lines(colour: colour) { try self.line(line) }
    }

    static func text(_ text: String) throws { try answer(Array(text.utf8)) }

    /// Bytes that must come out as they are.
    static func bytes(_ bytes: [UInt8]) throws { try answer(bytes) }

    /// One JSON value on a line of its own, as it is: for programs.
    static func json(_ value: JSONValue) throws { try answer(CanonicalJSON.encode(value) + [0x0A]) }

    /// Prints an answer that has an exit status of its own, which holds also when the text does not arrive.
    /// - Parameter status: throws it.
    static func answer(_ print: () throws -> Void, then status: () throws -> Void) throws {
        do { try print() } catch let unwritten as OutputError {
            do { try status() } catch {
                unwritten.tell()
                throw error
            }
            throw unwritten
        }
        try status()
    }

    static let changeIsMade = "the change is made"

    /// Prints the answer of a command that has done something. Where it does not arrive, the error says that this is done:
    /// whoever takes it for undone does it again.
    /// - Parameter what: in words.
    static func done(_ what: String = changeIsMade, _ print: () throws -> Void) throws {
        do { try print() } catch let unwritten as OutputError { throw unwritten.after(what) }
    }

    /// Whether nobody reads stdout any more: the other end of its pipe, socket or terminal is closed.
    static var isReaderGone: Bool { capture == nil && SystemCall.hasEnded(STDOUT_FILENO) }

    // MARK: Beside the answer

    /// A line for people beside the answer.
    static func note(_ text: String) { aside(UntrustedText.visible(text) + "\n") }

    /// Part of a line that is written over again.
    static func progress(_ text: String) { aside(text) }

    static func error(_ message: String, prefix: String = "dropgate: ") {
        aside(prefix + UntrustedText.visible(message) + "\n")
    }

    private static func aside(_ text: String) {
        if let capture { return capture.addError(text) }
        if let log = log.withLock(\.self) { return log.write(text) }
        // There is nowhere left to say that it failed.
        try? SystemCall.write(Array(text.utf8), to: STDERR_FILENO)
    }

    private static let log = Mutex<LogStream?>(nil)

    /// From now on what stands beside the answer goes where the gate's log goes, in its order, and waits for no reader.
    static func join(_ stream: LogStream) {
        guard capture == nil else { return }
        log.withLock { $0 = stream }
    }

    // MARK: The streams of the process

    /// Before anything is opened: a stream that is closed must fail, and not be the next file that is opened. What nobody
    /// reads any more is an error of the write and ends no process.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(stream, F_GETFD) < 0 {
            // Opened for what a stream is not used for, the lowest free number, which is this one.
            _ = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }

    /// Some filesystems say at a close that they could not store what they took (close(2)). Throws `OutputError`.
    static func finish() throws {
        guard capture == nil else { return }
        let copy = dup(STDOUT_FILENO)
        guard copy >= 0, close(copy) != 0, errno != EBADF else { return }
        throw OutputError(.last, written: 0)
    }

    /// Before the process ends: what is left of the log, but for what nobody reads.
    static func finishAside() { log.withLock(\.self)?.finish(within: 2) }

    private static func answer(_ bytes: [UInt8]) throws {
        if let capture { return try capture.add(bytes) }
        var written = 0
        while true {
            let (count, error) = SystemCall.writeSome(bytes[written...], to: STDOUT_FILENO)
            written += count
            guard let error else { return }
            // Somebody else made the stream one that does not wait.
            guard error.code == EAGAIN else { throw OutputError(error, written: written) }
            var watched = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
            poll(&watched, 1, -1)
        }
    }
}
