// What `init` made and what it found, for its report.
import Foundation
package import JSON

package struct SetupLog: Sendable {
    package private(set) var made: [String] = []
    package private(set) var kept: [String] = []
    package private(set) var missing: [String] = []

    package init() {}

    package mutating func made(_ path: String) { made.append(path) }
    package mutating func kept(_ path: String) { kept.append(path) }
    /// Something that the settings name and that is not `init`'s to make.
    package mutating func missing(_ what: String) { missing.append(what) }

    /// Makes a directory, 0700, with what is missing above it.
    package mutating func directory(_ path: String) throws {
        made += try GateDirectories.make(path)
    }

    package var json: [String: JSONValue] {
        [
            "made": .array(made.map(JSONValue.string)), "kept": .array(kept.map(JSONValue.string)),
            "missing": .array(missing.map(JSONValue.string)),
        ]
    }
}
