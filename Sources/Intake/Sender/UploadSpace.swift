// The free space of staging, shared out to uploads: what sessions have been granted, and may not have written yet, counts as
// used, so that many together cannot pass the reserve.
import Staging
import Synchronization

final class UploadSpace: Sendable {
    private let directory: Directory
    private let floorBytes: Int64
    private let floorInodes: Int64
    /// Bytes granted and not known to be written, by drop.
    private let granted = Mutex<[String: Int64]>([:])

    /// Uploads leave a sixteenth of the reserve more than other callers, so that when they have filled the rest,
    /// webhooks, which are small, are still taken.
    init(directory: Directory, reserveBytes: Int64, reserveInodes: Int64) {
        self.directory = directory
        floorBytes = Self.floor(reserveBytes)
        floorInodes = Self.floor(reserveInodes)
    }

    private static func floor(_ reserve: Int64) -> Int64 {
        let (sum, isTooMuch) = reserve.addingReportingOverflow(reserve / 16)
        return isTooMuch ? .max : sum
    }

    /// Room for more bytes of an upload that has written what it was granted before.
    /// - Returns: how many, of those that are wanted; or what is missing for the fewest of them.
    func take(_ bytes: ClosedRange<Int64>, for drop: String) -> Result<Int64, Missing> {
        guard let space = try? directory.space() else {
            return .failure(Missing(description: "the free space cannot be read"))
        }
        return granted.withLock { granted in
            granted[drop] = nil
            let promised = granted.values.reduce(0, +)
            let (rest, isBelow) = (space.bytes - promised).subtractingReportingOverflow(floorBytes)
            guard !isBelow, rest >= bytes.lowerBound else {
                return .failure(
                    Missing(
                        description:
                            "\(space.bytes) bytes are free, \(promised) of them promised; \(floorBytes) are kept back"
                    ))
            }
            guard space.inodes - Int64(granted.count) >= floorInodes else {
                return .failure(
                    Missing(description: "\(space.inodes) inodes are free; \(floorInodes) are kept back"))
            }
            let share = min(rest, bytes.upperBound)
            granted[drop] = share
            return .success(share)
        }
    }

    /// What is missing, for the log and health.
    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    /// The upload is not written any more.
    func end(_ drop: String) { granted.withLock { $0[drop] = nil } }
}
