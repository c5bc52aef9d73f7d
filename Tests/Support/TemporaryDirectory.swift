// A directory of a test's own, removed when the value goes away.
import Foundation

package final class TemporaryDirectory: Sendable {
    package let path: String

    package init(_ name: String = "test") throws {
        path = NSTemporaryDirectory() + "dropgate-\(name)-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func file(_ name: String) -> String { path + "/" + name }

    /// All regular files below, relative and sorted.
    package func files(under folder: String) -> [String] {
        let base = path + "/" + folder
        let all = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return all.filter {
            (try? FileManager.default.attributesOfItem(atPath: base + "/" + $0)[.type] as? FileAttributeType)
                == .typeRegular
        }.sorted()
    }
}
