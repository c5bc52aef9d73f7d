// Which start of the system this is.

package enum BootID {
    package static let file = "/proc/sys/kernel/random/boot_id"

    /// The kernel's name for it, a UUID (proc_sys_kernel(5)): one for this process, and the same for all that run beside it. nil where
    /// the kernel's file cannot be read. None is made up then: whoever compares two would take them for two starts.
    package static let current = read(file)

    package static func read(_ path: String) -> String? {
        guard let bytes = try? SmallFile.open(path).contents(limit: 64) else { return nil }
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return text.isEmpty ? nil : text
    }
}
