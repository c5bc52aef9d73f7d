// The sidecar of a partial upload: the JSON beside its bytes that says what they are, and the rule by which
// a sidecar found later is believed. Values only; reading and writing are PartialStore's.
package import Admission
import Files
import FoundationEssentials

/// `parts/<drop id>.json`. While writes follow one another nothing is written to it, so after a crash of the
/// process the length of the file tells what has arrived. That is no longer so once `sequential` is false.
package struct PartialSidecar: Codable, Equatable, Sendable {
    package enum State: String, Codable, Sendable {
        /// More may come.
        case open
        /// Closed without a gap under a provisional name, or its release failed.
        case whole
    }

    package static let currentVersion = 1

    package var version = PartialSidecar.currentVersion
    package var drop: String
    /// As sent, normalised and relative: "dir/name.xml".
    package var path: String
    package var state = State.open
    package var sequential = true
    /// [start, end) of what has arrived; written at an orderly end only.
    package var extents: [[Int64]]?
    package var started: Instant
    /// The system's boot id while `extents` is absent: a length survives a crash of the process, but not
    /// necessarily one of the machine. nil, too, where it was not known.
    package var boot: String?
    /// The client's modification time in seconds since the epoch.
    package var modified: Int64?
    /// Lowercase hex; whole uploads only.
    package var sha256: String?

    package init(drop: String, path: String, started: Instant, boot: String?, modified: Int64? = nil) {
        self.drop = drop
        self.path = path
        self.started = started
        self.boot = boot
        self.modified = modified
    }

    /// What can be done with a partial.
    package enum Standing: Equatable, Sendable {
        case whole(bytes: Int64)
        /// The first bytes are known to be right; an upload may go on after them.
        case resumable(bytes: Int64)
        /// It cannot be told which bytes are right. Never resumed.
        case undecidable(String)
        /// Handed over for release; only the ledger knows what became of it.
        case sealed
    }

    /// - Parameters:
    ///   - bytes: the length of the file.
    ///   - boot: the system's boot id now; nil where it is not known.
    package func standing(bytes: Int64, boot: String?) -> Standing {
        guard version == Self.currentVersion else {
            return .undecidable("its sidecar has version \(version)")
        }
        if let extents {
            var end: Int64 = 0
            var prefix: Int64 = 0
            for (index, extent) in extents.enumerated() {
                guard extent.count == 2, extent[0] < extent[1], index == 0 ? extent[0] >= 0 : extent[0] > end,
                    extent[1] <= bytes
                else { return .undecidable("its sidecar and its length contradict each other") }
                if extent[0] == 0 { prefix = extent[1] }
                end = extent[1]
            }
            if state == .open { return .resumable(bytes: prefix) }
            return prefix == bytes
                ? .whole(bytes: bytes) : .undecidable("its length is not the one it was closed with")
        }
        guard state == .open else { return .undecidable("its sidecar lacks the extents") }
        guard sequential else {
            return .undecidable("the session ended without notice while data came out of order")
        }
        guard let then = self.boot, let boot else {
            return .undecidable(
                "whether the machine restarted while it was being written is not known (\(BootID.file) cannot be read)"
            )
        }
        guard then == boot else {
            return .undecidable("the machine restarted while it was being written")
        }
        return .resumable(bytes: bytes)
    }

    private static let longest = 4 * 1024 * 1024

    /// nil when there is none that can be believed to be this drop's.
    static func read(_ drop: String, _ name: String, _ parts: Directory) -> PartialSidecar? {
        guard let bytes = try? parts.openFile(name).contents(limit: longest),
            let sidecar = try? JSONDecoder().decode(PartialSidecar.self, from: Data(bytes)),
            sidecar.drop == drop
        else { return nil }
        return sidecar
    }
}
