// Values that no gate writes, in tables that no hash covers. SQLite finds them itself, in one pass over each table.
import Admission
import GRDB

struct RowCheck {
    /// What a column may have.
    private enum Kind {
        case seq, size, integer, time, text, bytes
        /// A time, or `DropRecord.never`.
        case due
        /// The number of a run of keys.
        case run

        /// In SQL: true or false, and never NULL.
        func isGood(_ column: String) -> String {
            switch self {
            case .seq: Self.integer(column, 0, LedgerLimits.entries - 1)
            case .size: Self.integer(column, 0, LedgerLimits.entries)
            case .integer: "typeof(\(column)) = 'integer'"
            case .time: Self.time(column)
            case .text: "typeof(\(column)) = 'text'"
            case .bytes: "typeof(\(column)) = 'blob'"
            case .due: "(\(Self.time(column)) OR \(column) IS \(DropRecord.never.microseconds))"
            case .run: Self.integer(column, 0, DropKeyBlock.mostRuns - 1)
            }
        }

        private static func time(_ column: String) -> String {
            integer(column, Instant.writable.lowerBound, Instant.writable.upperBound - 1)
        }

        private static func integer(_ column: String, _ low: Int64, _ high: Int64) -> String {
            "typeof(\(column)) = 'integer' AND \(column) BETWEEN \(low) AND \(high)"
        }
    }

    /// A table's columns; the first is its key.
    private struct Table {
        let name: String
        let key: String
        let columns: [(name: String, kind: Kind, mayBeNull: Bool)]

        init(
            _ name: String, _ present: KeyValuePairs<String, Kind>, orNull: KeyValuePairs<String, Kind> = [:]
        ) {
            self.name = name
            key = present[0].key
            columns = present.map { ($0.key, $0.value, false) } + orNull.map { ($0.key, $0.value, true) }
        }

        /// Its bad rows: the key, and the first column that is bad.
        var query: String {
            let cases = columns.map { column in
                let isGood = column.kind.isGood(column.name)
                let all = column.mayBeNull ? "\(column.name) IS NULL OR \(isGood)" : isGood
                return "WHEN NOT (\(all)) THEN '\(column.name)'"
            }
            return """
                SELECT \(key), CASE \(cases.joined(separator: " ")) END AS bad FROM \(name)
                WHERE bad IS NOT NULL LIMIT \(LedgerVerifier.faultLimit)
                """
        }
    }

    private static let tables = [
        Table(
            "drops",
            [
                "seq": .seq, "id": .text, "state": .integer, "repeat_key": .bytes, "ready": .text,
                "received": .time,
            ],
            orNull: [
                "event_key": .bytes, "incoming": .text, "released": .time, "acknowledged": .time,
                "name": .text,
                "due": .due, "modified": .integer, "taken": .time,
            ]),
        Table("bodies", ["seq": .seq, "body": .bytes]),
        Table("witnessed", ["name": .text, "size": .size, "time": .time]),
        Table("upgraded", ["format": .integer, "drops": .integer, "time": .time]),
        Table(
            "drop_key_runs",
            ["run": .run, "state": .integer, "level": .integer, "keys": .integer, "through": .integer],
            orNull: ["filter": .bytes]),
    ]

    static func faults(_ db: Database) throws -> [LedgerFault] {
        try tables.flatMap { table in
            try Row.fetchAll(db, sql: table.query).map { row in
                let key = row.first.map { name, value in "\(name) \(value)" }
                let column = row.databaseValues.last.flatMap(String.fromDatabaseValue) ?? "?"
                return LedgerFault(
                    .columns, nil, LedgerError.misfit(column: column, of: table.name, row: key))
            }
        }
    }
}
