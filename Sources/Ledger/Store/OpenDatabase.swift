// A connection that can be closed while others may be using it.
import Dispatch
import GRDB
import Synchronization

/// GRDB ends the process when a closed connection is used. So this one is let go of and not closed: who is at it keeps it to the end
/// of that, who comes later is refused, and it is closed when nobody has it any more.
final class OpenDatabase: Sendable {
    private let held: Mutex<DatabaseQueue?>

    init(_ database: DatabaseQueue) { held = Mutex(database) }

    /// nil once it is closed.
    var queue: DatabaseQueue? { held.withLock(\.self) }

    /// Returns when it is closed, unless somebody is at it.
    func close() {
        let last = held.withLock { held in
            defer { held = nil }
            return held
        }
        // Closed here, outside of the lock.
        _ = consume last
    }
}

extension Configuration {
    /// Has GRDB keep an object for as long as the connection is open: a connection has its configuration until it is closed.
    mutating func keep(_ object: some AnyObject & Sendable) {
        prepareDatabase { _ in withExtendedLifetime(object) {} }
    }

    /// GRDB's own, but with queues of the priority that the process has: a service may not raise it, and each try is a line in its log.
    static var ofService: Configuration {
        var configuration = Configuration()
        configuration.qos = .default
        return configuration
    }
}
