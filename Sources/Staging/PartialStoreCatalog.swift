import Foundation
// Which partial uploads an account has, read from their sidecars. A sidecar is read again only when its file
// has changed: clients ask for names far more often than partials come and go.
import Glibc

/// The sidecars of one `parts` directory. A partial without a readable sidecar has none here.
struct PartialCatalog {
    static let partSuffix = ".part"
    static let sidecarSuffix = ".json"
    /// A sidecar under this suffix belongs to an upload that was handed over for release.
    static let sealedSuffix = ".sealed"
    /// A sidecar that is being written.
    static let newSuffix = ".new"
    private static let maxSidecar = 4 * 1024 * 1024

    private struct Signature: Equatable {
        var inode: UInt64
        var seconds: Int
        var nanoseconds: Int
        var bytes: Int64
    }

    private struct Entry {
        var signature: Signature
        var sidecar: PartialSidecar?
    }

    private var entries: [String: Entry] = [:]

    /// Reads what is new or has changed.
    mutating func refresh(_ parts: Directory) throws(StagingError) {
        var seen: [String: Entry] = [:]
        for name in try parts.names() where name.hasSuffix(Self.sidecarSuffix) {
            let drop = String(name.dropLast(Self.sidecarSuffix.count))
            guard DropID.isValid(drop), let signature = Self.signature(name, parts) else { continue }
            if let known = entries[drop], known.signature == signature {
                seen[drop] = known
            } else {
                seen[drop] = Entry(signature: signature, sidecar: Self.read(drop, name, parts))
            }
        }
        entries = seen
    }

    /// Newest first.
    func sidecars(where matches: (PartialSidecar) -> Bool) -> [PartialSidecar] {
        entries.values.compactMap(\.sidecar).filter(matches).sorted { $0.drop > $1.drop }
    }

    static func read(_ drop: String, _ name: String, _ parts: Directory) -> PartialSidecar? {
        guard let bytes = try? parts.openFile(name).contents(limit: maxSidecar),
            let sidecar = try? JSONDecoder().decode(PartialSidecar.self, from: Data(bytes)),
            sidecar.drop == drop
        else { return nil }
        return sidecar
    }

    private static func signature(_ name: String, _ parts: Directory) -> Signature? {
        var status = stat()
        guard fstatat(parts.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return Signature(
            inode: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec, bytes: Int64(status.st_size))
    }
}

extension String {
    /// Byte by byte: Swift's own comparison takes different spellings of one accented letter as equal, the
    /// file system does not.
    func isSame(as other: String) -> Bool {
        utf8.elementsEqual(other.utf8)
    }

    func isInside(_ directory: String) -> Bool {
        directory.isEmpty ? !isEmpty : utf8.starts(with: "\(directory)/".utf8)
    }
}
