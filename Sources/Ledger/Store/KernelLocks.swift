// The kernel's list of file locks (proc_locks(5)), for who may not open a lock to see whether it is held.
import Files
import Glibc

enum KernelLocks {
    /// An exclusive lock of flock(2) that is held.
    struct Holder: Hashable {
        let process: Int32
        /// `MAJOR:MINOR` in hex.
        let device: String
        let inode: UInt64
    }

    /// Of each line that tells of one: "1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF". Lines of who waits have an arrow.
    static func holders(in text: String) -> [Holder] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", words[3] == "WRITE", let process = Int32(words[4])
            else { return nil }
            let place = words[5].split(separator: ":")
            guard place.count == 3, let inode = UInt64(place[2]) else { return nil }
            return Holder(process: process, device: "\(place[0]):\(place[1])", inode: inode)
        }
    }

    /// Whether a file is locked so. Filesystems in layers show another device here than stat(2) does: then a process of this program has
    /// to be the one.
    static func haveWriter(of path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0,
            let list = try? SmallFile.open("/proc/locks").contents(limit: 1 << 20)
        else { return false }
        let device = device(status.st_dev)
        return holders(in: String(decoding: list, as: UTF8.self)).contains {
            $0.inode == UInt64(status.st_ino)
                && ($0.device == device || name(of: $0.process) == name(of: getpid()))
        }
    }

    /// As the list writes it (makedev(3)).
    static func device(_ number: dev_t) -> String {
        let number = UInt64(number)
        let major = (number >> 8) & 0xFFF | (number >> 32) & 0xFFFF_F000
        let minor = number & 0xFF | (number >> 12) & 0xFFFF_FF00
        func hex(_ part: UInt64) -> String { (part < 16 ? "0" : "") + String(part, radix: 16) }
        return "\(hex(major)):\(hex(minor))"
    }

    private static func name(of process: Int32) -> String? {
        (try? SmallFile.open("/proc/\(process)/comm").contents(limit: 64)).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
