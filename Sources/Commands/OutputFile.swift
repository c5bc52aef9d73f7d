// A file that an option names, for what a command has to give. It is none of the gate's own.
import Files
import Management
import Settings

struct OutputFile {
    /// Absolute.
    let path: String

    /// Throws `ManagementError`, `.refused` for what the gate uses and `.invalid` for what cannot be a file: to be made before
    /// anything is done or recorded.
    /// - Parameters:
    ///   - path: not empty (`ArgumentText.notEmpty`).
    ///   - settings: of the gate; nil where there is none.
    init(_ path: String, _ option: String, of settings: GateSettings?) throws(ManagementError) {
        let path = Paths.absolute(path)
        self.path = path
        if let settings, let objection = GateFiles(settings).objection(to: path) {
            throw ManagementError(.refused, "\(option): \(path) \(objection)", fix: "name another file")
        }
        guard !Presence.isDirectory(path) else {
            throw ManagementError(.invalid, "\(option): \(path) is a directory", fix: "give a file name")
        }
        try ParentDirectory.require(above: path, of: option)
    }

    func write(_ text: String, mode: UInt32 = 0o600) throws(FileError) {
        try FileReplacement.write(Array(text.utf8), to: path, mode: mode)
    }
}
