// What somebody typed to name drops: an id, or the path of a file that has to do with one. A path leads to drops by the ledger;
// a file's name is only a hint, since anybody can write one.
import Admission
import Files
import Foundation
import Intake
import Ledger
import Settings
import Staging

struct TypedPlace {
    private let text: String
    private let settings: GateSettings
    /// What a relative path is relative to.
    private let directory: String

    init(
        _ text: String, _ settings: GateSettings,
        in directory: String = FileManager.default.currentDirectoryPath
    ) {
        self.text = text
        self.settings = settings
        self.directory = directory
    }

    /// The drops of a path, in the order in which they came: one, or those of a batch. nil: it names none.
    func records(_ reader: any LedgerReading, _ look: ReadyLook?) throws -> [DropRecord]? {
        for path in paths {
            if let found = try records(at: path, reader, look) { return found }
        }
        // A file that its consumer has moved keeps the drop's id in its name.
        guard let id = WebhookName.drop(in: text), let record = try reader.drop(id: id),
            Self.name(of: record.readyPath) == Self.name(of: text)
        else { return nil }
        return [record]
    }

    /// The id of an event in quarantine that a path names.
    var heldID: String? {
        for path in paths {
            let parts = path.split(separator: "/").map(String.init)
            if parts.count > 2, parts[0] == StagingLayout.quarantine, parts[1] == StagingLayout.webhook,
                DropID.isValid(parts[2])
            {
                return parts[2]
            }
        }
        return nil
    }

    private static func name(of path: String) -> Substring? { path.split(separator: "/").last }

    private func records(at path: String, _ reader: any LedgerReading, _ look: ReadyLook?) throws
        -> [DropRecord]?
    {
        guard let readyPath = StagingLayout.readyPath(ofFile: path) ?? batch(ofReceipts: path) else {
            // Receipts, quarantine and uploads have the drop's id as the name of a file or a directory.
            let ids = path.split(separator: "/").map { String($0.prefix { $0 != "." }) }.filter(
                DropID.isValid)
            return try ids.last.flatMap { try reader.drop(id: $0) }.map { [$0] }
        }
        // The one file of a batch has the id of its first event in its name.
        if !StagingLayout.holdsLines(readyPath), let id = WebhookName.drop(in: readyPath),
            let record = try reader.drop(id: id),
            record.readyPath == readyPath || look?.isReleasing(record, to: readyPath) == true
        {
            return [record]
        }
        if let found = try events(at: readyPath, reader) { return found }
        if let newest = try reader.newestUpload(readyPath: readyPath),
            look?.isReleasing(newest, to: readyPath) == true
        {
            return [newest]
        }
        let uploads = try reader.uploads(readyPath: readyPath, limit: 1)
        return uploads.isEmpty ? nil : uploads
    }

    /// The path of a batch under `ready/` whose file of receipts this is, or a line of which (`….ndjson:12`): its directory stands for
    /// its one file, too.
    private func batch(ofReceipts path: String) -> String? {
        guard path.hasPrefix(StagingLayout.receipts + "/") else { return nil }
        let below = String(path.dropFirst(StagingLayout.receipts.utf8.count + 1))
        let file = below.prefix { $0 != ":" }
        return BatchName(ofReady: String(file)) == nil ? nil : below
    }

    /// Events of a batch, which may be meant by its directory, its one file or its receipts; of one line of such a file
    /// (`….ndjson:12`); or the one whose file had its name before names had ids.
    private func events(at readyPath: String, _ reader: any LedgerReading) throws -> [DropRecord]? {
        guard let accepted = WebhookName.time(in: readyPath) else { return nil }
        func batch(_ path: String) throws -> [DropRecord] {
            let found = try reader.events(readyPath: path, acceptedFrom: accepted)
            guard found.isEmpty, let name = BatchName(ofReady: path) else { return found }
            return try reader.events(readyPath: name.directoryPath, acceptedFrom: accepted)
        }
        let found = try batch(readyPath)
        if !found.isEmpty { return found }
        guard let colon = readyPath.lastIndex(of: ":"), readyPath[..<colon].hasSuffix(".ndjson"),
            let line = Int(readyPath[readyPath.index(after: colon)...]), line > 0
        else { return nil }
        return try batch(String(readyPath[..<colon])).dropFirst(line - 1).first.map { [$0] }
    }

    // MARK: Paths

    /// The path relative to the staging directory, in the ways in which it may be meant: from the directory that one is in,
    /// from staging as receipts have it, from `ready/`.
    private var paths: [String] {
        let absolute = text.hasPrefix("/") ? text : directory + "/" + text
        let staging =
            settings.staging.path.hasPrefix("/")
            ? settings.staging.path : directory + "/" + settings.staging.path
        var found = [Self.relative(absolute, to: staging)]
        if let real = Paths.real(staging) {
            found.append(Self.relative(absolute, to: real))
            let (folder, name) = Self.split(absolute)
            found.append(Paths.real(folder).flatMap { Self.relative($0 + "/" + name, to: real) })
        }
        if !text.hasPrefix("/") {
            let plain = Self.components(text).joined(separator: "/")
            let first = plain.split(separator: "/").first.map(String.init) ?? ""
            if [StagingLayout.sftp, StagingLayout.webhook].contains(first) {
                found.append(StagingLayout.released(plain))
            } else {
                found.append(plain)
            }
        }
        return found.compactMap(\.self)
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    /// Without `.`, `..` and empty components.
    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").reduce(into: []) { parts, part in
            switch part {
            case ".": break
            case "..": _ = parts.popLast()
            default: parts.append(String(part))
            }
        }
    }

    private static func relative(_ path: String, to root: String) -> String? {
        let (path, root) = (components(path), components(root))
        return path.count > root.count && path.starts(with: root)
            ? path[root.count...].joined(separator: "/") : nil
    }
}
