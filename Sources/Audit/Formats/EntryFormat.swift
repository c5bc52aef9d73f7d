// Ledger entries in the forms that other systems read: one record an entry, one file a format. Pure: no I/O,
// and nothing is left out or decided here.
package import Ledger

/// A form of export.
package enum EntryFormat: String, CaseIterable, Sendable {
    /// The exact canonical bytes that are hashed, one entry a line.
    case jsonl
    /// RFC 4180 with a header line.
    case csv
    /// Elastic Common Schema, one JSON document a line.
    case ecs
    /// Open Cybersecurity Schema Framework, one JSON event a line.
    case ocsf
    /// ArcSight Common Event Format.
    case cef
    /// RFC 5424.
    case syslog
}

/// Writes entries in one format.
package struct EntryFormatter: Sendable {
    package let format: EntryFormat

    package init(_ format: EntryFormat) { self.format = format }

    /// What stands before the first record, with its line ending; nil where a format has no such thing.
    package var header: [UInt8]? {
        format == .csv ? Array(CSV.line(CSVFormat.columns).utf8) : nil
    }

    /// One entry with its line ending: CRLF for CSV (RFC 4180 section 2), LF for all others. Throws when the
    /// stored bytes are not JSON of the kind that a ledger holds.
    package func record(_ entry: StoredEntry) throws -> [UInt8] {
        try message(entry) + (format == .csv ? [0x0D, 0x0A] : [0x0A])
    }

    /// One entry without a line ending, for a sender that frames records in its own way. It has no line break
    /// but those inside quoted CSV cells.
    package func message(_ entry: StoredEntry) throws -> [UInt8] {
        if format == .jsonl { return entry.json }
        let facts = try EntryFacts(entry)
        return switch format {
        case .jsonl: entry.json
        case .csv: CSVFormat.record(facts)
        case .ecs: CanonicalJSON.encode(ECSFormat.document(facts))
        case .ocsf: CanonicalJSON.encode(OCSFFormat.event(facts))
        case .cef: CEFFormat.record(facts)
        case .syslog: SyslogFormat.message(facts)
        }
    }
}
