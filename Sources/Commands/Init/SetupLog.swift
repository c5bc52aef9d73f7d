// What `init` made and what it found: for its report, and to give new files to the state directory's owner.
import CoreFoundation  // the compiler finds struct stat here in a release build
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

    /// When root makes the state of a service's user, the user gets it.
    func giveToOwner(of state: String) throws {
        var status = stat()
        guard getuid() == 0, stat(state, &status) == 0, status.st_uid != 0 else { return }
        for path in made where path.hasPrefix(state + "/") {
            guard lchown(path, status.st_uid, status.st_gid) == 0 else {
                throw Failure(
                    .inside, "cannot give \(path) to its owner: \(String(cString: strerror(errno)))")
            }
        }
    }

    var json: [String: JSONValue] {
        [
            "made": .array(made.map(JSONValue.string)), "kept": .array(kept.map(JSONValue.string)),
            "missing": .array(missing.map(JSONValue.string)),
        ]
    }
}
