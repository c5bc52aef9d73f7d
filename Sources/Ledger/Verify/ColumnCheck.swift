// Compares the columns of an entry with its bytes. Remembers the last date and address: they seldom change.
import Admission
import Foundation
import GRDBSQLite
import JSON

/// Column numbers are those of `EntryRows.sql`.
struct ColumnCheck {
    private var lastDay: (text: [UInt8], microseconds: Int64)?
    private var lastIP: (text: [UInt8], key: [UInt8])?

    /// The names of columns that say something else than the bytes; empty when all is well.
    mutating func differences(_ scan: EntryScan, _ row: EntryRow) -> [String] {
        var names: [String] = []
        if scan.seq != row.seq { names.append("seq") }
        if row.type(1) != SQLITE_INTEGER || scan.time.flatMap({ microseconds($0) }) != row.time {
            names.append("time")
        }
        if !matches(scan.kind, row, 2) { names.append("kind") }
        if !matches(scan.channel, row, 3) { names.append("channel") }
        if !matches(scan.verdict, row, 4) { names.append("verdict") }
        if !matches(scan.reason, row, 5) { names.append("reason") }
        if !matchesSource(scan.ip, row) { names.append("source") }
        if !matches(scan.account, row, 7) { names.append("account") }
        return names
    }

    private func matches(_ member: EntryScan.Text?, _ row: EntryRow, _ column: Int32) -> Bool {
        guard let member else { return row.isNull(column) }
        guard let stored = row.bytes(column, SQLITE_TEXT) else { return false }
        if !member.contains(0x5C) {
            return member.elementsEqual(stored)
        }
        let text = try? JSONValue(parsing: [0x22] + Array(member) + [0x22]).string
        return text.map { Array($0.utf8) } == Array(stored)
    }

    private mutating func matchesSource(_ ip: EntryScan.Text?, _ row: EntryRow) -> Bool {
        guard let ip else { return row.isNull(6) }
        guard let stored = row.bytes(6, SQLITE_BLOB) else { return false }
        if let address = Self.dottedQuad(ip) {
            return stored.count == 16 && stored[10] == 0xFF && stored[11] == 0xFF
                && stored.loadUnaligned(fromByteOffset: 0, as: UInt64.self) == 0
                && stored.loadUnaligned(fromByteOffset: 8, as: UInt16.self) == 0
                && UInt32(bigEndian: stored.loadUnaligned(fromByteOffset: 12, as: UInt32.self)) == address
        }
        if lastIP.map({ ip.elementsEqual($0.text) }) != true {
            let text = Array(ip)
            guard let address = try? IPAddress(String(decoding: text, as: UTF8.self)) else { return false }
            lastIP = (text, SourceKey.bytes(address))
        }
        return lastIP.map { stored.elementsEqual($0.key) } ?? false
    }

    /// An IPv4 address as entries have it; nil for anything else.
    private static func dottedQuad(_ text: EntryScan.Text) -> UInt32? {
        var (address, part, digits, parts) = (UInt32(0), UInt32(0), 0, 1)
        for byte in text {
            if byte == 0x2E {
                guard digits > 0, part < 256, parts < 4 else { return nil }
                address = address << 8 | part
                (part, digits, parts) = (0, 0, parts + 1)
            } else {
                guard byte &- 0x30 < 10, digits < 3, digits == 0 || part > 0 else { return nil }
                part = part * 10 + UInt32(byte - 0x30)
                digits += 1
            }
        }
        guard parts == 4, digits > 0, part < 256 else { return nil }
        return address << 8 | part
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, as entries have it; nil for anything else.
    private mutating func microseconds(_ text: EntryScan.Text) -> Int64? {
        guard text.count == 27, text[19] == 0x2E, text[26] == 0x5A else { return nil }
        let day = UnsafeRawBufferPointer(rebasing: text[..<10])
        if lastDay.map({ day.elementsEqual($0.text) }) != true {
            guard let midnight = Instant(rfc3339: String(decoding: day, as: UTF8.self)) else { return nil }
            lastDay = (Array(day), midnight.microseconds)
        }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for index in range {
                let digit = text[index] &- 0x30
                guard digit < 10 else { return nil }
                value = value * 10 + Int64(digit)
            }
            return value
        }
        guard let midnight = lastDay?.microseconds, let hours = number(11..<13),
            let minutes = number(14..<16), let seconds = number(17..<19), let rest = number(20..<26)
        else { return nil }
        return midnight + ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + rest
    }
}
