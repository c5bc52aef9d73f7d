// What `init` made and what it found, for its report.
import Foundation
import Ledger

struct SetupLog {
    private(set) var made: [String] = []
    private(set) var kept: [String] = []
    private(set) var missing: [String] = []

    mutating func made(_ path: String) { made.append(path) }
    mutating func kept(_ path: String) { kept.append(path) }
    /// Something that the settings name and that is not `init`'s to make.
    mutating func missing(_ what: String) { missing.append(what) }

    /// Makes a directory, 0700, with what is missing above it.
    mutating func directory(_ path: String) throws {
        made += try GateDirectories.make(path)
    }

    var lines: [String] {
        made.map { "\(Colour.green("made"))     \($0)" } + kept.map { "kept     \($0)" }
            + missing.map { "\(Colour.yellow("missing"))  \($0)" }
    }

    var json: [String: JSONValue] {
        [
            "made": .array(made.map(JSONValue.string)), "kept": .array(kept.map(JSONValue.string)),
            "missing": .array(missing.map(JSONValue.string)),
        ]
    }
}
