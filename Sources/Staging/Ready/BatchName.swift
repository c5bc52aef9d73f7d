// What a batch of events is called: its files, or its one NDJSON file, and the file of their receipts. Pure.

/// Events that were released together:
///
///     ready/webhook/2026-11-23/081530.123456Z-events-01jdk2v8q3m5t7w9y1b3d5f7h9/…       a directory, a file an event
///     ready/webhook/2026-11-23/081530.123456Z-events-01jdk2v8q3m5t7w9y1b3d5f7h9.ndjson  or one file, a line an event
///     receipts/webhook/2026-11-23/081530.123456Z-events-01jdk2v8q3m5t7w9y1b3d5f7h9.ndjson
///
/// A batch has the time and the id of its first event, so that it is found from that event alone. All its events are of one
/// day.
package struct BatchName: Sendable, Hashable {
    private static let mark = "-events-"
    private static let lines = ".ndjson"
    private static let separator: Character = ":"

    /// `2026-11-23`
    let day: String
    /// `081530.123456Z-events-01jdk2v8q3m5t7w9y1b3d5f7h9`
    let name: String

    private init(day: String, name: String) {
        self.day = day
        self.name = name
    }

    /// - Parameter readyPath: of an event by itself, `webhook/<day>/<time>-…`. nil for another path.
    package init?(first drop: String, readyPath: String) {
        let parts = readyPath.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == StagingLayout.webhook, DropID.isValid(drop) else { return nil }
        self.init(day: String(parts[1]), name: parts[2].prefix { $0 != "-" } + Self.mark + drop)
    }

    /// The batch in which a released event lies: `webhook/<day>/<batch>/<file>` or `webhook/<day>/<batch>.ndjson`. nil for any
    /// other path.
    package init?(ofReady readyPath: String) {
        let parts = readyPath.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3 || parts.count == 4, parts[0] == StagingLayout.webhook else { return nil }
        var name = parts[2]
        if parts.count == 3 {
            guard name.hasSuffix(Self.lines) else { return nil }
            name = name.dropLast(Self.lines.utf8.count)
        }
        guard Self.isName(name) else { return nil }
        self.init(day: String(parts[1]), name: String(name))
    }

    /// The batch whose data waits under a name of `scratch`; nil for any other name.
    init?(scratch: String) {
        let parts = scratch.split(separator: Self.separator, omittingEmptySubsequences: false)
        guard parts.count == 2, Directory.isComponent(String(parts[0])) else { return nil }
        let name = parts[1].hasSuffix(Self.lines) ? parts[1].dropLast(Self.lines.utf8.count) : parts[1]
        guard Self.isName(name) else { return nil }
        self.init(day: String(parts[0]), name: String(name))
    }

    /// Whether a name of a day's directory is that of a batch's directory.
    static func isDirectory(_ name: String) -> Bool { isName(name[...]) }

    private static func isName(_ name: Substring) -> Bool {
        name.count > 26 && DropID.isValid(String(name.suffix(26))) && name.dropLast(26).hasSuffix(mark)
    }

    /// The file of the events, a line each.
    package var linesPath: String { directoryPath + Self.lines }

    /// The directory of the events, a file each.
    package var directoryPath: String { "\(StagingLayout.webhook)/\(day)/\(name)" }

    /// The file of one event in the batch's directory.
    /// - Parameter readyPath: as it would be called by itself.
    package func filePath(_ readyPath: String) -> String {
        "\(directoryPath)/\(StagingLayout.fileName(of: readyPath))"
    }

    /// The file of receipts, relative to `receipts/`.
    package var receiptsPath: String { linesPath }

    var receiptsName: String { name + Self.lines }
    var linesName: String { name + Self.lines }

    /// Names while the batch is being written: its directory, its one file, its receipts.
    var scratchDirectory: String { "\(day)\(Self.separator)\(name)" }
    var scratchLines: String { scratchDirectory + Self.lines }
    var scratchReceipts: String { scratchDirectory + Self.newReceipts }

    private static let newReceipts = ".receipts"

    /// Bytes of a file of receipts: more is not read.
    static let longestReceipts = 64 << 20
}
