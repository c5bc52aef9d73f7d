// Sealed entries answer as they did before they were sealed: what no SQL reaches means what the SQL means.
import Admission
import JSON
import Ledger
import Support
import Testing

@Suite struct SealedQueryTests {
    private static let count = 2600
    private static let sealed: Int64 = 2304

    private static let sources = ["20.21.208.105", "20.21.208.9", "192.0.2.1", "2001:db8::7", nil]
    private static let accounts = ["vsee", "acme", nil]
    private static let entries = ["vsee-qatar/clinic", "l/m", "odd/\"quoted\\name"]
    private static let texts = [
        "Ärzte", "quo\"te", "back\\slash", "PLAIN words", "line\nend", "\"kind\":\"login\"",
    ]

    private static func attempt(_ random: inout SplitMix) throws -> Attempt {
        var attempt = Attempt(
            kind: EntryKind.allCases.randomElement(using: &random) ?? .login,
            channel: Bool.random(using: &random) ? Channel.allCases.randomElement(using: &random) : nil,
            verdict: Verdict.allCases.randomElement(using: &random) ?? .rejected,
            reason: [.listed, .notListed, .authFailed, .read].randomElement(using: &random) ?? .read)
        if let ip = sources.randomElement(using: &random) ?? nil {
            attempt.source = Endpoint(ip: try IPAddress(ip), port: 1)
        }
        attempt.account = accounts.randomElement(using: &random) ?? nil
        if Bool.random(using: &random) { attempt.entries = [entries.randomElement(using: &random) ?? ""] }
        if Bool.random(using: &random) {
            attempt.detail["message"] = .string(texts.randomElement(using: &random) ?? "")
        }
        if Int.random(in: 0..<8, using: &random) == 0 {
            attempt.drop = DropFacts(
                id: "01jdk2v8q3m5t7w9y1b3d5f7h\(Int.random(in: 0..<4, using: &random))", name: "x", bytes: 1,
                sha256: nil)
        }
        return attempt
    }

    private static func query(_ random: inout SplitMix) throws -> LedgerQuery {
        func sometimes() -> Bool { Int.random(in: 0..<4, using: &random) == 0 }
        func seq() -> Int64 { Int64.random(in: -1...Int64(count), using: &random) }
        var query = LedgerQuery()
        if sometimes() { query.kinds = Set(EntryKind.allCases.shuffled(using: &random).prefix(2)) }
        if sometimes() { query.channels = Set(Channel.allCases.shuffled(using: &random).prefix(1)) }
        if sometimes() { query.verdicts = Set(Verdict.allCases.shuffled(using: &random).prefix(1)) }
        if sometimes() {
            query.reasons =
                [[.listed], Set(Reason.allCases), [.read, .pulled]].randomElement(using: &random) ?? []
        }
        if sometimes() { query.accounts = ["vsee"] }
        if sometimes() {
            let block = ["20.21.208.105", "20.21.208.0/24", "2001:db8::/32", "10.0.0.0/8"].randomElement(
                using: &random)
            query.sources = [try CIDRBlock(block ?? "")]
        }
        if sometimes() { query.entries = [entries.randomElement(using: &random) ?? ""] }
        if sometimes() { query.drops = ["01jdk2v8q3m5t7w9y1b3d5f7h1"] }
        if sometimes() {
            query.text = (texts + ["plain WORDS", "ärzte", "nothing of the kind"]).randomElement(
                using: &random)
        }
        if sometimes() { query.above = seq() }
        if sometimes() { query.below = seq() }
        if sometimes() { query.after = seq() }
        if sometimes() { query.since = Instant(microseconds: seq() * 1_000_000) }
        if sometimes() { query.until = Instant(microseconds: seq() * 1_000_000) }
        query.order = Bool.random(using: &random) ? .oldestFirst : .newestFirst
        query.limit = [1, 7, 100, 6000].randomElement(using: &random) ?? 1
        return query
    }

    @Test func aSealedEntryAnswersAsBefore() throws {
        let directory = try TemporaryDirectory("sealed")
        var random = SplitMix(seed: 20_261_128)
        let ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        let store = try ledger.open(node: "t")
        for number in 0..<Self.count / 4 {
            // Four at each time.
            let operations = try (0..<4).map { _ in
                LedgerOperation.append(try Self.attempt(&random), drop: nil)
            }
            _ = try store.commit(operations, now: Instant(microseconds: Int64(number) * 4_000_000))
        }
        let reader = try ledger.reader()
        let queries = try (0..<120).map { _ in try Self.query(&random) }
        let times = (0..<60).map { Instant(microseconds: Int64($0) * 50_000_000 + 1) }
        let before = try queries.map { try reader.entries($0).map(\.seq) }
        let firsts = try times.map { try reader.firstSeq(notBefore: $0) }
        let sealing = try ledger.sealing()
        let segment = try sealing.writeSegment(0, 0..<Self.sealed)
        _ = try store.commit(
            [.sealed(segment), .clearSealed(below: Self.sealed, limit: Self.count)],
            now: Instant(microseconds: Int64(Self.count) * 1_000_000))
        #expect(
            try reader.lastSealed() == Self.sealed - 1 && !sealing.hasUnclearedEntries(below: Self.sealed))
        for (query, seqs) in zip(queries, before) {
            #expect(try reader.entries(query).map(\.seq) == seqs, "\(query)")
        }
        #expect(try times.map { try reader.firstSeq(notBefore: $0) } == firsts)
        #expect(before.count { $0.contains { $0 < Self.sealed } } > 30, "most questions are about something")
    }

    /// Whoever asks again hears the same as who asks for the first time, whatever came meanwhile.
    @Test func aContactThatIsRememberedIsTheLastOne() throws {
        let directory = try TemporaryDirectory("sealed")
        var random = SplitMix(seed: 7)
        let ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        let store = try ledger.open(node: "t")
        let reader = try ledger.reader()
        let memory = ContactMemory()
        let entries = try Self.entries.map { id in
            let parts = id.split(separator: "/").map(String.init)
            return SourceEntry(
                list: parts[0], service: parts[1], cidr: try CIDRBlock("20.21.208.0/24"),
                channels: [.webhook, .sftp])
        }
        var changes = 0
        for number in 0..<300 {
            _ = try store.commit(
                [.append(try Self.attempt(&random), drop: nil)],
                now: Instant(microseconds: Int64(number) * 1_000_000))
            guard number % 3 == 0 else { continue }
            for entry in entries {
                for channel in [Channel.webhook, .sftp] {
                    let last = try reader.lastContact(entry, on: channel)
                    #expect(try memory.last(entry, on: channel, in: reader) == last)
                    if last == Instant(microseconds: Int64(number) * 1_000_000) { changes += 1 }
                }
            }
        }
        #expect(changes > 0)
    }
}
