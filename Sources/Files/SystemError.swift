// What the system refused, as a value.
import Glibc

/// An errno, which reads as the system words it.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: Int32

    package init(_ code: Int32) { self.code = code }

    /// errno as it stands now: the next call may change it.
    package static var last: SystemError { SystemError(errno) }

    package var description: String { String(cString: strerror(code)) }
}
