// An answer that did not arrive.
package import Files
import Glibc
import Management

package struct OutputError: ExportBreak, Sendable, CustomStringConvertible {
    package let system: SystemError
    /// How many bytes of what was to be written last arrived.
    package let written: Int
    /// What the command has done all the same, in words; nil where the answer was all that was asked.
    package private(set) var done: String?

    package init(_ system: SystemError, written: Int) {
        self.system = system
        self.written = written
    }

    /// The reader has what it wanted (`| head`): that is its good right, and nothing to tell anybody.
    package var isReaderGone: Bool { system.code == EPIPE }

    /// As coreutils word it, after what stands in spite of it.
    package var description: String { (done.map { "\($0); " } ?? "") + "write error: \(system)" }

    /// - Parameter done: what stands in spite of the error.
    func after(_ done: String) -> OutputError {
        var error = self
        error.done = done
        return error
    }

    /// As coreutils have it.
    var status: Int32 { isReaderGone ? 0 : ExitStatus.no.rawValue }

    func tell() {
        if !isReaderGone { Output.error(description) }
    }
}
