// Which file it is, whatever it is called.
import Glibc

/// Device and inode, which a file keeps for as long as it is open or has a name.
package struct FileIdentity: Sendable, Hashable {
    private let device: UInt64
    private let inode: UInt64

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// `DEVICE:INODE` in decimal, for other processes of this machine, which may be of another release. `init(recorded:)` reads it.
    package var recorded: String { "\(device):\(inode)" }

    /// nil for anything else.
    package init?(recorded text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let device = UInt64(parts[0]), let inode = UInt64(parts[1]) else {
            return nil
        }
        (self.device, self.inode) = (device, inode)
    }

    /// Of what a path names, links themselves. nil where there is nothing. Throws where that cannot be looked at.
    package static func of(_ path: String) throws(SystemError) -> FileIdentity? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            let error = SystemError.last
            if [ENOENT, ENOTDIR].contains(error.code) { return nil }
            throw error
        }
        return FileIdentity(status)
    }

    /// The same, and nil where nobody may look, too.
    package init?(path: String) {
        guard let found = try? Self.of(path) else { return nil }
        self = found
    }

    /// Of what is open.
    package init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }
}
