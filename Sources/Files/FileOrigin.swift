// Whose a file is and when it was written last: all that is known of who changed it with an editor.
package import Glibc

/// As stat(2) says it of the file behind any links.
package struct FileOrigin: Sendable, Hashable {
    package let path: String
    /// nil: the file is not there.
    package let state: State?

    package struct State: Sendable, Hashable {
        package let owner: uid_t
        /// Microseconds since the epoch.
        package let modified: Int64
    }

    /// nil where the file may not be looked at: nothing is known of it then.
    package init?(path: String) {
        self.path = path
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard [ENOENT, ENOTDIR].contains(errno) else { return nil }
            state = nil
            return
        }
        state = State(
            owner: status.st_uid,
            modified: Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1000)
    }
}
