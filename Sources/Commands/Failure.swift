// How a command ends other than well.

/// Exit statuses (sysexits.h where it has a name for it).
enum ExitStatus: Int32 {
    /// The command worked and the answer is no: rejected, not found, verification failed.
    case no = 1
    case usage = 64
    /// The gate, the system or the disk failed.
    case inside = 70
    case configuration = 78
}

/// An end with a message: what is wrong, where, and what to do.
struct Failure: Error, CustomStringConvertible {
    let status: ExitStatus
    let message: String

    var description: String { message }

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
