// Why the ledger could not be used, for people and for what decides by it.
package import Files

/// The ledger could not be opened, read or written.
package struct LedgerError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case locked, unreadable, unwritable, newer
        /// This process may not read it: a person sets that right.
        case denied
        /// Of an earlier format: opening it for writing brings it up to date.
        case older
        /// More waits to be written than may wait: try again.
        case busy
        /// Fewer entries than somebody has seen signed.
        case rolledBack
        /// Other entries than somebody has seen signed.
        case forked
        /// The ledger's file is gone, and what lies beside it shows that there was one.
        case missing
        /// What lies in the ledger's place is no ledger.
        case foreign
        /// Another process has written it since this one opened it: only a new start knows all that is in it.
        case outrun
    }

    package let code: Code
    /// What is wrong: one line for people.
    package let message: String
    /// What can be done next; nil where the message says all there is to say.
    package let fix: String?
    /// Whether it may pass by itself, so that it is worth trying again: its disk is full or fails, or another process holds it.
    package let mayPass: Bool

    package init(_ code: Code, _ message: String, fix: String? = nil, mayPass: Bool = false) {
        self.code = code
        self.message = message
        self.fix = fix
        self.mayPass = mayPass
    }

    /// Of a file that cannot be made or written: `.unwritable`, which may pass where there is no room for it.
    /// - Parameter action: "copy the ledger to", "sync".
    package init(cannot action: String, _ path: String, _ error: SystemError) {
        self.init(
            .unwritable, "cannot \(action) \(path): \(error)",
            fix: error.isFull ? SystemError.adviceOnFull : nil, mayPass: error.isFull)
    }

    /// Of what of the ledger cannot be read: `.denied` where this process may not, else `.unreadable`.
    /// - Parameter what: "checkpoints cannot be read".
    package init(_ what: String, reading path: String, _ error: SystemError) {
        self.init(
            error.isDenial ? .denied : .unreadable, "\(what): \(AccessAdvice.denial(path, error))")
    }

    /// The same, of an error that says itself of which file it is.
    package init(_ what: String, _ error: FileError) {
        self.init(error.isDenial ? .denied : .unreadable, "\(what): \(error)")
    }

    /// The message and the fix on one line.
    package var description: String { fix.map { "\(message); \($0)" } ?? message }
}
