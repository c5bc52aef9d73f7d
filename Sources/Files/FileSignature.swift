// What tells that a file is another one than before, or can be read now, without reading it.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Of the file that a path leads to, through links. With the time of the inode's change: that alone tells of a mode or an
/// owner that was mended, and of other bytes of the same size within one tick of the clock.
package struct FileSignature: Sendable, Hashable {
    private var device: UInt64
    private var inode: UInt64
    private var size: Int64
    /// Nanoseconds since the epoch.
    private var modified: Int64
    private var changed: Int64

    /// nil when there is none.
    package init?(path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        device = UInt64(found.st_dev)
        inode = UInt64(found.st_ino)
        size = Int64(found.st_size)
        #if canImport(Darwin)
            let (modified, changed) = (found.st_mtimespec, found.st_ctimespec)
        #else
            let (modified, changed) = (found.st_mtim, found.st_ctim)
        #endif
        self.modified = Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec)
        self.changed = Int64(changed.tv_sec) * 1_000_000_000 + Int64(changed.tv_nsec)
    }
}
