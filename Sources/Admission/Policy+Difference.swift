// What a reload changed, for people and for the ledger. It compares what the entries say, not their order.

extension Policy {
    /// `+ id block (…)`, `- …`, and `~ id block: field old -> new` for the same id and block with other
    /// fields. Sorted by id and block; empty when both have the same version. `DifferenceLine` reads it.
    package func difference(from old: Policy) -> [String] {
        guard version != old.version else { return [] }
        let before = Dictionary(grouping: old.entries, by: Key.init)
        let after = Dictionary(grouping: entries, by: Key.init)
        return Set(before.keys).union(after.keys).sorted().flatMap { key in
            Self.changes(from: before[key] ?? [], to: after[key] ?? [])
        }
    }

    private struct Key: Hashable, Comparable {
        var id: String
        var cidr: CIDRBlock

        init(_ entry: SourceEntry) {
            id = entry.id
            cidr = entry.cidr
        }

        static func < (a: Key, b: Key) -> Bool {
            (a.id, a.cidr.base, a.cidr.prefix) < (b.id, b.cidr.base, b.cidr.prefix)
        }
    }

    /// The entries of one id and block. More than one on a side is possible (one for each channel).
    private static func changes(from old: [SourceEntry], to new: [SourceEntry]) -> [String] {
        var gone = old.sorted { $0.canonicalText < $1.canonicalText }
        var added: [SourceEntry] = []
        for entry in new.sorted(by: { $0.canonicalText < $1.canonicalText }) {
            if let same = gone.firstIndex(of: entry) { gone.remove(at: same) } else { added.append(entry) }
        }
        let pairs = min(gone.count, added.count)
        return zip(gone, added).map { "~ " + change(from: $0, to: $1) }
            + gone.dropFirst(pairs).map { "- \($0.summary)" }
            + added.dropFirst(pairs).map { "+ \($0.summary)" }
    }

    private static func change(from old: SourceEntry, to new: SourceEntry) -> String {
        let show = { (value: String?) in value.map(UntrustedText.line) ?? "none" }
        let changes = zip(old.fields, new.fields).filter { $0.value != $1.value }
            .map { "\($0.name) \(show($0.value)) -> \(show($1.value))" }
        return "\(UntrustedText.line(new.id)) \(new.cidr): \(changes.joined(separator: ", "))"
    }
}
