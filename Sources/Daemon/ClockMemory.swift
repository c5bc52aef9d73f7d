// Where the gate keeps that the clock has leapt ahead.
import Files
import Glibc
import Upkeep

extension AgeClock.Memory {
    /// A small file, replaced whole.
    static func file(_ path: String) -> Self {
        Self(
            boot: BootID.current,
            read: {
                guard (try? Presence.check(path)) ?? true else { return nil }
                return (try? FileReading.bytes(path, limit: FileReading.maximumSecret)) ?? []
            },
            keep: { bytes in
                if let bytes {
                    try FileReplacement.write(bytes + [0x0A], to: path, mode: 0o600)
                } else if unlink(path) != 0, errno != ENOENT {
                    throw SystemError.last
                }
            })
    }
}
