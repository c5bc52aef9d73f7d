// A self-contained gate directory: the shipped settings with all paths in the directory, and VSee's source list.
import Files
import Foundation
import Settings

enum GateTemplate {
    /// Writes what is missing of DIR/dropgate.yaml and DIR/sources, and returns the settings file.
    static func make(in directory: String, log: inout SetupLog) throws -> String {
        let file = directory + "/dropgate.yaml"
        guard try !Presence.check(file) else {
            log.kept(file)
            return file
        }
        try PathCheck.check(newState: directory + "/state")
        try log.directory(directory)
        try FileReplacement.write(Array(settings.utf8), to: file)
        log.made(file)
        return file
    }

    /// The shipped settings; the state lies beside them.
    static var settings: String {
        Shipped.settings.replacingOccurrences(of: "/var/lib/dropgate", with: "state")
    }
}
