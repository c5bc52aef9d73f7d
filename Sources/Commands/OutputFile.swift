// A file that an option names, for what a command has to give. It is none of the gate's own.
import Files
import Management
import Settings

struct OutputFile {
    /// Absolute.
    let path: String

    /// Throws `ManagementError`, `.refused` for what the gate uses and `.invalid` for no name: to be made before anything is done or
    /// recorded.
    /// - Parameter settings: of the gate; nil where there is none.
    init(_ path: String, _ option: String, of settings: GateSettings?) throws(ManagementError) {
        guard !path.isEmpty else {
            throw ManagementError(.invalid, "\(option) is empty", fix: "name a file")
        }
        let path = Paths.absolute(path)
        self.path = path
        guard let settings, let objection = GateFiles(settings).objection(to: path) else { return }
        throw ManagementError(.refused, "\(option): \(path) \(objection)", fix: "name another file")
    }

    func write(_ text: String, mode: UInt32 = 0o600) throws(FileError) {
        try FileReplacement.write(Array(text.utf8), to: path, mode: mode)
    }
}
