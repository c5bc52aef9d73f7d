// Ledger entries in the forms that other systems read: one record an entry, one file a format. Pure: no I/O,
// and nothing is left out or decided here.
package import Ledger

/// A form of export. A new one is a file of this folder with its value, and a line in `allCases`.
package struct EntryFormat: Sendable, CaseIterable {
    package static let allCases: [EntryFormat] = [.jsonl, .csv, .ecs, .ocsf, .cef, .syslog]

    /// As it is written in commands and settings.
    package let name: String
    /// What it is, in a few words for people; nil where the name says it.
    package let about: String?
    /// What stands before the first record, with its line ending; nil where a format has no such thing.
    package let header: [UInt8]?
    private let ending: [UInt8]
    private let write: @Sendable (StoredEntry) throws -> [UInt8]

    /// - Parameters:
    ///   - ending: of each record.
    ///   - write: one entry without its ending.
    init(
        _ name: String, about: String? = nil, header: [UInt8]? = nil, ending: [UInt8] = [0x0A],
        write: @escaping @Sendable (StoredEntry) throws -> [UInt8]
    ) {
        self.name = name
        self.about = about
        self.header = header
        self.ending = ending
        self.write = write
    }

    /// Of the facts of an entry.
    init(
        _ name: String, about: String? = nil, header: [UInt8]? = nil, ending: [UInt8] = [0x0A],
        facts: @escaping @Sendable (EntryFacts) -> [UInt8]
    ) {
        self.init(name, about: about, header: header, ending: ending) { facts(try EntryFacts($0)) }
    }

    /// nil for a name that no format has.
    package init?(name: String) {
        guard let format = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = format
    }

    /// One entry with its line ending. Throws when the stored bytes are not JSON of the kind that a ledger holds.
    package func record(_ entry: StoredEntry) throws -> [UInt8] { try write(entry) + ending }

    /// One entry without a line ending, for a sender that frames records in its own way. It has no line break
    /// but those inside quoted CSV cells.
    package func message(_ entry: StoredEntry) throws -> [UInt8] { try write(entry) }
}

extension EntryFormat: Hashable, CustomStringConvertible {
    package static func == (one: EntryFormat, other: EntryFormat) -> Bool { one.name == other.name }
    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
    package var description: String { name }
}

extension EntryFormat {
    /// The exact canonical bytes that are hashed, one entry a line.
    package static let jsonl = EntryFormat("jsonl", about: "the entries exactly as hashed", write: \.json)
}
