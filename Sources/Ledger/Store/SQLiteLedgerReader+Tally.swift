// Makes a tally: one walk over a run of entries, and which sources came before it.
import Admission
import Foundation
import GRDB
import JSON

extension SQLiteLedgerReader {
    func tally(_ range: Range<Int64>, progress: (_ done: Int64, _ of: Int64) -> Void) throws -> LedgerTally {
        try database.readLedger { db in
            var pass = TallyPass()
            let rows = try EntryRows(db, from: range.lowerBound)
            while let row = try rows.next(), row.seq < range.upperBound {
                pass.take(row)
                if row.seq & 0x3FFF == 0 { progress(row.seq - range.lowerBound, Int64(range.count)) }
            }
            return pass.tally
        }
    }

    func seen(_ sources: Set<IPAddress>, before seq: Int64) throws -> Set<IPAddress> {
        try database.readLedger { db in
            let bounds = try Row.fetchOne(
                db,
                sql: """
                    SELECT (SELECT time FROM entries WHERE seq < :seq ORDER BY seq LIMIT 1) / 86400000000,
                      (SELECT time FROM entries WHERE seq < :seq ORDER BY seq DESC LIMIT 1) / 86400000000
                    """, arguments: ["seq": seq])
            guard let first = bounds?[0] as Int64?, let last = bounds?[1] as Int64? else { return [] }
            let lookUp = try db.makeStatement(
                sql: "SELECT 1 FROM entries WHERE time / 86400000000 = ? AND source = ? AND seq < ? LIMIT 1")
            var (unknown, found) = (sources, Set<IPAddress>())
            for day in (first...last).reversed() where !unknown.isEmpty {
                for source in unknown
                where try Int.fetchOne(lookUp, arguments: [day, Data(SourceKey.bytes(source)), seq]) != nil {
                    found.insert(source)
                }
                unknown.subtract(found)
            }
            return found
        }
    }
}

/// The counting of one pass. Texts that come again and again are turned into values once.
private struct TallyPass {
    private(set) var tally = LedgerTally()
    private var addresses: [[UInt8]: IPAddress] = [:]
    private var lists: [[UInt8]: [String]] = [:]
    private var notable: [EntryKind: Int] = [:]

    mutating func take(_ row: EntryRow) {
        let json = row.json
        guard let scan = EntryScan(json), let kind: EntryKind = word(scan.kind),
            let verdict: Verdict = word(scan.verdict), let reason: Reason = word(scan.reason)
        else { return }
        let time = Instant(microseconds: row.time)
        var count = LedgerTally.Count(time)
        count.attempts = scan.count
        tally.entries += 1
        if [.policy, .service, .access].contains(kind) { return note(kind, row, json, time) }
        // What the gate's own machine or a probe did to look whether it works is nobody's attempt.
        if kind == .probe { return }
        tally.attempts += scan.count
        let source = row.bytes(6).flatMap { address($0) }
        let group = LedgerTally.Group(
            source: source, channel: word(scan.channel), kind: kind, verdict: verdict, reason: reason)
        Self.add(count, to: &tally.groups[group])
        tally.days[row.time / 86_400_000_000, default: [:]][verdict, default: 0] += scan.count
        if verdict != .rejected, let entries = scan.entries {
            for id in list(entries) { Self.add(count, to: &tally.matched[id]) }
        }
        if kind == .login, verdict != .rejected {
            let login = LedgerTally.Login(
                account: text(scan.account), credential: text(scan.credential), source: source)
            Self.add(count, to: &tally.logins[login])
        }
        // Only requests were read far enough to be told.
        if kind == .request, verdict == .rejected, let source, let detail = scan.detail,
            String(decoding: detail, as: UTF8.self).contains("\"vsee_shaped\":true")
        {
            tally.shaped[source, default: 0] += scan.count
        }
    }

    private mutating func note(
        _ kind: EntryKind, _ row: EntryRow, _ json: UnsafeRawBufferPointer, _ time: Instant
    ) {
        notable[kind, default: 0] += 1
        guard notable[kind, default: 0] <= LedgerTally.notableLimit else { return }
        tally.notable.append(StoredEntry(seq: row.seq, time: time, json: Array(json)))
    }

    private static func add(_ count: LedgerTally.Count, to sum: inout LedgerTally.Count?) {
        if sum == nil { sum = count } else { sum?.add(count) }
    }

    private func word<Word: RawRepresentable>(_ text: EntryScan.Text?) -> Word?
    where Word.RawValue == String {
        text.flatMap { Word(rawValue: String(decoding: $0, as: UTF8.self)) }
    }

    private func text(_ text: EntryScan.Text?) -> String {
        guard let text else { return "" }
        if !text.contains(0x5C) { return String(decoding: text, as: UTF8.self) }
        return (try? JSONValue(parsing: [0x22] + Array(text) + [0x22]).string) ?? ""
    }

    private mutating func address(_ key: UnsafeRawBufferPointer) -> IPAddress? {
        let bytes = Array(key)
        if let known = addresses[bytes] { return known }
        let address = IPAddress(bytes: bytes)
        addresses[bytes] = address
        return address
    }

    private mutating func list(_ raw: EntryScan.Text) -> [String] {
        let bytes = Array(raw)
        if let known = lists[bytes] { return known }
        let names = (try? JSONValue(parsing: bytes).array?.compactMap(\.string)) ?? []
        lists[bytes] = names
        return names
    }
}
