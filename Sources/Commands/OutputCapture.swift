// What tests print into.
package import Files
import Synchronization

extension Output {
    /// Takes what is printed in place of the process's own streams: for tests.
    package final class Capture: Sendable {
        private let texts = Mutex<(out: [UInt8], error: String)>(([], ""))
        private let room: Int
        private let failure: SystemError

        /// A stdout that takes so many bytes, and then fails.
        package init(room: Int = .max, then failure: SystemError = SystemError(28)) {
            self.room = room
            self.failure = failure
        }

        package var out: String { String(decoding: texts.withLock { $0.out }, as: UTF8.self) }
        package var error: String { texts.withLock { $0.error } }

        func add(_ bytes: [UInt8]) throws(OutputError) {
            let taken = texts.withLock { texts in
                let taken = bytes.prefix(room - texts.out.count)
                texts.out += taken
                return taken.count
            }
            guard taken == bytes.count else { throw OutputError(failure, written: taken) }
        }

        func addError(_ text: String) { texts.withLock { $0.error += text } }
    }
}
