// Whether an entry answers a query, in Swift: for sealed entries, which no SQL reaches. It means what the SQL means.
import Admission
import CShims
import JSON

extension LedgerQuery {
    /// All conditions but the limit.
    func matches(_ entry: StoredEntry) -> Bool {
        guard isInRange(entry), isInPeriod(entry), isPossible(entry.json), hasTexts(entry.json) else {
            return false
        }
        if isWithoutMembers { return true }
        guard let value = try? entry.value() else { return false }
        return isOf(kinds, value["kind"]) && isOf(channels, value["channel"])
            && isOf(verdicts, value["verdict"])
            && isOf(reasons, value["reason"])
            && (accounts.isEmpty || value["account"]?.string.map(accounts.contains) == true)
            && hasSource(value) && hasEntry(value)
    }

    /// It asks for no member of entries.
    private var isWithoutMembers: Bool {
        kinds.isEmpty && channels.isEmpty && verdicts.isEmpty && reasons.isEmpty && accounts.isEmpty
            && sources.isEmpty
            && entries.isEmpty
    }

    /// False for most entries that do not match, by their bytes: to parse one costs a hundred times as much.
    private func isPossible(_ json: [UInt8]) -> Bool {
        func mayHave(_ name: String, _ words: [String]) -> Bool {
            words.isEmpty || words.contains { json.holds(Array("\"\(name)\":\"\($0)\"".utf8)) }
        }
        // A long list of words says little, and costs a search each.
        let few = reasons.count > 4 ? [] : reasons.map(\.rawValue)
        guard mayHave("kind", kinds.map(\.rawValue)), mayHave("channel", channels.map(\.rawValue)),
            mayHave("verdict", verdicts.map(\.rawValue)), mayHave("reason", few)
        else { return false }
        if !entries.isEmpty, !entries.contains(where: { json.holds(CanonicalJSON.encode(.string($0))) }) {
            return false
        }
        guard !sources.isEmpty, let scan = json.withUnsafeBytes({ EntryScan($0)?.ip.map(Array.init) }) else {
            return true
        }
        guard let ip = try? IPAddress(String(decoding: scan, as: UTF8.self)) else { return true }
        return sources.contains { $0.contains(ip) }
    }

    private func isInRange(_ entry: StoredEntry) -> Bool {
        if let after, order == .oldestFirst ? entry.seq <= after : entry.seq >= after { return false }
        if let above, entry.seq <= above { return false }
        if let below, entry.seq >= below { return false }
        return true
    }

    /// By its time or, where it tells one, by the clock's.
    private func isInPeriod(_ entry: StoredEntry) -> Bool {
        if period.contains(entry.time, clock: nil) { return true }
        let clock = entry.json.withUnsafeBytes { EntryScan.instant(EntryScan($0)?.clock) }
        return period.contains(entry.time, clock: clock)
    }

    private func isOf<Word: RawRepresentable>(_ words: Set<Word>, _ value: JSONValue?) -> Bool
    where Word.RawValue == String {
        words.isEmpty || value?.string.flatMap(Word.init(rawValue:)).map(words.contains) == true
    }

    private func hasSource(_ value: JSONValue) -> Bool {
        if sources.isEmpty { return true }
        guard let text = value["source"]?["ip"]?.string, let ip = try? IPAddress(text) else { return false }
        return sources.contains { $0.contains(ip) }
    }

    private func hasEntry(_ value: JSONValue) -> Bool {
        entries.isEmpty
            || value["entries"]?.array?.contains { $0.string.map(entries.contains) == true } == true
    }

    private func hasTexts(_ json: [UInt8]) -> Bool {
        guard !drops.isEmpty || text?.isEmpty == false else { return true }
        if !drops.isEmpty, !drops.contains(where: { json.holds(Array("\"\($0)\"".utf8)) }) { return false }
        guard let text, !text.isEmpty else { return true }
        // As in the JSON, where quotes and backslashes are escaped; ASCII letters in either case.
        let inside = CanonicalJSON.encode(.string(text)).dropFirst().dropLast()
        return Self.lower(json[...]).holds(Self.lower(inside))
    }

    private static func lower(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }
}

extension [UInt8] {
    /// Whether other bytes stand somewhere in these.
    fileprivate func holds(_ bytes: [UInt8]) -> Bool {
        bytes.isEmpty || dropgate_contains(self, count, bytes, bytes.count) != 0
    }
}
