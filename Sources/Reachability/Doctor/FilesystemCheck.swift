// Whether the gate's directories keep what they promise: they are the gate's alone, local, honour fsync and rename,
// and have room. It writes one small file in `incoming/` and takes it away again.
import Admission
import CShims
import Files
import Foundation
package import Settings
import Staging

package struct FilesystemCheck {
    private static let area = "filesystem"
    /// Filesystems whose locks, fsync or rename another machine decides: statfs(2)'s magic numbers.
    private static let remote: [UInt64: String] = [
        0x6969: "NFS", 0x517B: "SMB", 0xFF53_4D42: "CIFS", 0xFE53_4D42: "SMB2", 0x0102_1997: "9p",
        0x5346_414F: "AFS", 0x00C3_6400: "Ceph",
    ]

    /// FUSE: local or remote, as its driver will have it.
    private static let fuse: UInt64 = 0x6573_5546

    private let settings: GateSettings

    package init(_ settings: GateSettings) { self.settings = settings }

    private var ledgerFolder: String { Paths.directory(of: settings.ledger.path) }

    /// Those of `filled`, and the state.
    private var places: [(name: String, path: String)] {
        Self.present([(name: "state", path: settings.state)] + filled)
    }

    /// Where what is accepted goes. The gate accepts nothing while one of them has no room, whatever else lies there.
    private var filled: [(name: String, path: String)] {
        [("staging", settings.staging.path), ("ledger", ledgerFolder)]
    }

    /// Places that are there, each once, by its first name.
    private static func present(_ places: [(name: String, path: String)]) -> [(name: String, path: String)] {
        var seen: Set<String> = []
        return places.filter {
            seen.insert($0.path).inserted && FileManager.default.fileExists(atPath: $0.path)
        }
    }

    package func findings() -> [Finding] {
        let isThere: Bool
        do throws(FileError) {
            isThere = try Presence.check(settings.state)
            for path in [settings.staging.path, ledgerFolder] { _ = try Presence.check(path) }
        } catch {
            return [Finding(Self.area, .fail, error.message, fix: "run this as the gate's own user")]
        }
        guard isThere else {
            return [
                .fatal(
                    Self.area, "the state directory \(settings.state) is not there",
                    fix: "`dropgate init` makes it")
            ]
        }
        return privacy() + locality() + [durability()] + space()
    }

    // MARK: Modes

    private func privacy() -> [Finding] {
        var findings: [Finding] = []
        // Of directories in a private state only what anybody could change counts.
        let inner = Self.directories(in: settings.state)
            .filter { path in
                // Whoever may go through the state meets the modes of what lies in it.
                let open: mode_t = guests.isEmpty ? 0o002 : 0o007
                return !places.contains { $0.path == path } && Self.mode(path).map { $0 & open != 0 } == true
            }
            .map { (name: "a directory of the state,", path: $0) }
        for place in places + inner {
            guard let mode = Self.mode(place.path), mode & 0o077 != 0, !isForGuests(place.path, 5) else {
                continue
            }
            let text = "\(place.name) \(place.path) is open to others (mode 0\(String(mode, radix: 8)))"
            // The gate may use what is root's by its group alone.
            let isRoots = geteuid() != 0 && Presence.owner(of: place.path) == 0
            let first = isRoots ? "\(AccessAdvice.handover(place.path, to: geteuid())) && " : ""
            let fix = "\(first)chmod 700 \(place.path)"
            findings.append(
                mode & 0o002 != 0
                    ? .fatal(Self.area, text + ": anybody can change it", fix: fix)
                    : Finding(Self.area, .warn, text, fix: fix))
        }
        var secrets = [settings.ledger.path, settings.ledger.key] + (settings.sftp?.hostKeys ?? [])
        if let tls = settings.webhook?.tls { secrets.append(tls.key) }
        if let console = settings.console, !console.tokenFile.isEmpty { secrets.append(console.tokenFile) }
        for path in secrets {
            guard let mode = Self.mode(path), mode & 0o077 != 0,
                path != settings.ledger.path || !isForGuests(path, 4)
            else { continue }
            findings.append(
                Finding(
                    Self.area, mode & 0o007 != 0 ? .fail : .warn,
                    "\(path) is open to others (mode 0\(String(mode, radix: 8)))", fix: "chmod 600 \(path)"))
        }
        return findings.isEmpty
            ? [Finding(Self.area, .ok, "directories and secrets are the gate's alone")] : findings
    }

    /// The groups that the settings let in, as far as the system knows them.
    private var guests: Set<gid_t> {
        let names = [settings.ledger.readGroup, settings.staging.group].compactMap(\.self)
        return Set(names.compactMap { try? AccessGroup(named: $0).number })
    }

    /// Whether a place is open to those groups alone, for no more than `rights` (a mode's three bits).
    private func isForGuests(_ path: String, _ rights: UInt16) -> Bool {
        !guests.isEmpty && AccessGroup.isOpen(path, onlyTo: guests, rights)
    }

    private static func directories(in path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.sorted().map { "\(path)/\($0)" }.filter { path in
            var status = stat()
            return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
    }

    private static func mode(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }

    // MARK: Kind and behaviour

    private func locality() -> [Finding] {
        places.compactMap { place in
            let kind = dropgate_filesystem_type(place.path)
            if kind == Self.fuse {
                return Finding(
                    Self.area, .warn,
                    "\(place.name) \(place.path) is on FUSE: its driver decides whether a sync is reliable",
                    fix: "put it on ext4 or xfs, unless the driver is known to be local and to sync")
            }
            guard let name = Self.remote[kind] else { return nil }
            return .fatal(
                Self.area,
                "\(place.name) \(place.path) is on \(name), where locks and syncs may not be reliable",
                fix: "put it on a local filesystem (ext4, xfs)")
        }
    }

    /// Does what a release does: write, fsync, rename without replacing, fsync of the directory.
    private func durability() -> Finding {
        let path = settings.staging.path
        guard FileManager.default.fileExists(atPath: path) else {
            return Finding(Self.area, .ok, "\(path) is made at the first start")
        }
        do throws(StagingError) {
            let root = try Directory(path: path)
            // Made by the gate's user at its first start, not by whoever asks.
            guard let from = try root.existing(StagingLayout.incoming),
                let to = try root.existing(StagingLayout.quarantine)
            else { return Finding(Self.area, .ok, "the layout of \(path) is made at the first start") }
            try rehearse(from, to)
            let stray = [StagingLayout.ready, StagingLayout.receipts].first {
                !isBeside("\(path)/\($0)", path)
            }
            if let stray {
                return .fatal(
                    Self.area,
                    "\(path)/\(stray) is on another filesystem, but a release is a rename within one",
                    fix: "mount the whole staging directory instead")
            }
            return Finding(Self.area, .ok, "staging \(path) is local and honours fsync and rename")
        } catch  where error.code == .full {
            // A gate starts, accepts nothing, and goes on by itself once there is room.
            return Finding(
                Self.area, .fail, "staging has no room: \(error)",
                fix: "make room on the filesystem of \(path)")
        } catch {
            return .fatal(
                Self.area, "staging does not work: \(error)",
                fix:
                    "give \(path) to the gate's user, on one local filesystem that is not read-only; the service of systemd may "
                    + "write outside /var/lib/dropgate only what ReadWritePaths names (troubleshooting.md)",
                cause: error.code == .obstructed ? obstructed(in: path) : nil)
        }
    }

    /// Which of the directories in staging that it opens is none.
    private func obstructed(in path: String) -> String? {
        [StagingLayout.incoming, StagingLayout.quarantine].map { "\(path)/\($0)" }
            .first { StagingError.obstacle(at: $0) != nil }
    }

    private func rehearse(_ from: Directory, _ to: Directory) throws(StagingError) {
        let (name, moved) = (".doctor.\(getpid())", ".doctor.\(getpid()).moved")
        defer { for name in [name, moved] { for place in [from, to] { _ = try? place.remove(name) } } }
        let file = try from.createFile(name)
        try file.write(Array("dropgate doctor\n".utf8))
        try file.sync()
        try from.move(name, to: to, as: moved)
        try to.sync()
        try to.move(moved, to: from, as: moved)
        try from.sync()
    }

    /// On the same filesystem, or not there yet.
    private func isBeside(_ path: String, _ other: String) -> Bool {
        var mine = stat()
        var theirs = stat()
        guard stat(path, &mine) == 0, stat(other, &theirs) == 0 else { return true }
        return mine.st_dev == theirs.st_dev
    }

    // MARK: Room

    private func space() -> [Finding] {
        let reserve = settings.staging.reserve
        return Self.present(filled).map { place in
            guard let space = try? Directory(path: place.path).space() else {
                return Finding(
                    Self.area, .fail, "the free space of \(place.path) cannot be read",
                    fix: "check the mount of \(place.path)")
            }
            let text =
                "\(place.name): \(Self.size(space.bytes)) and \(space.inodes == .max ? "any number of" : "\(space.inodes)") "
                + "inodes free, \(Self.size(reserve)) and \(settings.staging.reserveInodes) are kept back"
            if space.bytes < reserve || space.inodes < settings.staging.reserveInodes {
                return Finding(
                    Self.area, .fail, text + ": nothing is accepted",
                    fix: "make room on the filesystem of \(place.path), or lower staging.reserve")
            }
            if space.bytes / 2 < reserve || space.inodes / 2 < settings.staging.reserveInodes {
                return Finding(
                    Self.area, .warn, text, fix: "make room on the filesystem of \(place.path) soon")
            }
            return Finding(Self.area, .ok, text)
        }
    }

    private static func size(_ bytes: Int64) -> String {
        for (name, unit) in [("TiB", Int64(1) << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        where bytes >= unit {
            return "\(bytes / unit).\(bytes % unit * 10 / unit) \(name)"
        }
        return Counted.bytes(bytes)
    }
}
