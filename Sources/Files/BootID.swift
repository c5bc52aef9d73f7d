// Which start of the system this is.
import FoundationEssentials

package enum BootID {
    /// The kernel's name for it, a UUID (proc_sys_kernel(5), random/boot_id). Where it does not tell, one that is like no other: what was
    /// noted by an earlier start is not believed then.
    package static func current() -> String {
        guard let bytes = try? SmallFile.open("/proc/sys/kernel/random/boot_id").contents(limit: 64),
            !bytes.isEmpty
        else {
            return UUID().uuidString
        }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
