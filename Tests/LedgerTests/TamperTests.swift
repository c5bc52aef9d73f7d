// What somebody who can write the ledger's file could do, and that verification says which it was and where.
import Admission
import Foundation
import GRDB
import JSON
import Ledger
import Support
import Testing

@Suite struct TamperTests {
    @Test func anHonestLedgerIsGood() throws {
        let evidence = try Evidence()
        let result = try evidence.verify(evidence.kept([300, 700], isOutside: true))
        #expect(result.faults.map(\.message) == [])
        #expect(result.size == 700 && result.checkpointCount == 7)
        #expect(result.signed?.size == 700 && result.witnessed?.size == 700)
        #expect(try evidence.verify().witnessed == nil)
    }

    @Test func aLedgerThatGrowsBesideItsVerificationIsGood() throws {
        let evidence = try Evidence(entries: 300)
        let store = try LedgerHandle(file: evidence.path).open(node: "t")
        let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        _ = try store.commit([.append(rejection, drop: nil)], now: .now())
        #expect(try evidence.verify().size == 301)
    }

    @Test func oneChangedByteIsFoundInItsEntry() throws {
        let evidence = try Evidence()
        try evidence.tamper(
            "UPDATE entries SET json = CAST(replace(CAST(json AS TEXT), 'not_listed', 'not_liszed') AS BLOB), "
                + "reason = 'not_liszed' WHERE seq = 300")
        #expect(try evidence.findings() == ["altered_entry 300-300"])
    }

    @Test func oneByteOfAnEntryWhoseTileIsNotYetFullIsFoundBetweenTwoCheckpoints() throws {
        let evidence = try Evidence()
        try evidence.tamper(
            "UPDATE entries SET json = CAST(replace(CAST(json AS TEXT), '\"port\":9', '\"port\":8') AS BLOB) WHERE seq = 650"
        )
        #expect(try evidence.findings() == ["altered_entry 600-699"])
    }

    @Test func anEntryAndItsRecordedHash() throws {
        let evidence = try Evidence()
        try evidence.tamper(
            "UPDATE entries SET json = CAST(replace(CAST(json AS TEXT), '\"port\":9', '\"port\":8') AS BLOB) WHERE seq = 310",
            // Entry 310 is the 54th leaf of tile 1.
            "UPDATE tiles SET hashes = substr(hashes, 1, 54 * 32) || randomblob(32) || substr(hashes, 55 * 32 + 1) WHERE id = 1"
        )
        let findings = try evidence.findings()
        #expect(findings.contains("altered_entry 310-310"))
    }

    @Test func anEntryWithItsRecordedHashMadeRight() throws {
        let evidence = try Evidence()
        let database = try DatabaseQueue(path: evidence.path)
        try database.write { db in
            var json = try #require(try Data.fetchOne(db, sql: "SELECT json FROM entries WHERE seq = 310"))
            json = Data(
                String(decoding: json, as: UTF8.self).replacing("\"port\":9", with: "\"port\":8").utf8)
            try db.execute(sql: "UPDATE entries SET json = ? WHERE seq = 310", arguments: [json])
            var tile = try #require(try Data.fetchOne(db, sql: "SELECT hashes FROM tiles WHERE id = 1"))
            tile.replaceSubrange(54 * 32..<55 * 32, with: MerkleHash.leaf(Array(json)).bytes)
            try db.execute(sql: "UPDATE tiles SET hashes = ? WHERE id = 1", arguments: [tile])
        }
        try database.close()
        #expect(try evidence.findings() == ["altered_entry 300-399"], "the signed roots are out of reach")
    }

    @Test(arguments: [300, 0, 650])
    func anEntryThatWasDeletedIsMissing(seq: Int64) throws {
        let evidence = try Evidence()
        try evidence.tamper("DELETE FROM entries WHERE seq = \(seq)")
        #expect(try evidence.findings() == ["missing_entry \(seq)-\(seq)"])
    }

    @Test func twoEntriesThatWereSwappedAreTold() throws {
        let evidence = try Evidence()
        try evidence.tamper(
            "UPDATE entries SET seq = -1 WHERE seq = 300", "UPDATE entries SET seq = 300 WHERE seq = 301",
            "UPDATE entries SET seq = 301 WHERE seq = -1")
        let result = try evidence.verify()
        #expect(Set(result.faults.map(\.kind)) == [.altered])
        #expect(result.faults.first?.message == "entry 300 holds the bytes of entry 301")
    }

    @Test(arguments: [
        ("time", "time + 1"), ("kind", "'access'"), ("channel", "'webhook'"), ("verdict", "'accepted'"),
        ("reason", "'listed'"), ("source", "NULL"), ("source", "x'20010db8000000000000000000000001'"),
        ("account", "'b'"), ("account", "NULL"),
    ])
    func aColumnChangedButNotTheBytes(column: String, value: String) throws {
        let evidence = try Evidence()
        try evidence.tamper("UPDATE entries SET \(column) = \(value) WHERE seq = 300")
        #expect(try evidence.findings() == ["columns_differ 300-300"])
    }

    @Test(arguments: [
        "first_time = 0", "last_time = 0", "first_time = 0, last_time = 1000000", "sha256 = x'00'",
        "bytes = bytes + 1",
    ])
    func whatTheTableSaysOfASealedFile(change: String) throws {
        let evidence = try Evidence()
        try evidence.seal(files: 2)
        #expect(try evidence.findings() == [])
        try evidence.tamper("UPDATE segments SET \(change) WHERE number = 1")
        #expect(try evidence.findings() == ["columns_differ 256-511"])
    }

    @Test(arguments: ["first_time", "last_time", "sha256"])
    func whatTheTableSaysOfARemovedFile(column: String) throws {
        let evidence = try Evidence()
        try evidence.seal(files: 2)
        do {
            let ledger = LedgerHandle(file: evidence.path)
            let (store, sealing) = (try ledger.open(node: "t"), try ledger.sealing())
            _ = try store.commit([.segmentRemoved(sealing.segments()[0])], now: .now())
            try sealing.removeFile(of: sealing.segments()[0])
        }
        #expect(try evidence.findings() == [])
        try evidence.tamper(
            "UPDATE segments SET \(column) = \(column == "sha256" ? "x'00'" : "0") WHERE number = 0")
        #expect(try evidence.findings() == ["columns_differ 0-255"])
    }

    /// Another row for the same entries could answer for them.
    @Test func aSecondFileOfTheSameEntries() throws {
        let evidence = try Evidence()
        try evidence.seal(files: 2)
        try evidence.tamper(
            "INSERT INTO segments SELECT 7, first, last, first_time, last_time, sha256, bytes, removal_entry "
                + "FROM segments WHERE number = 0")
        #expect(try evidence.findings() == ["columns_differ 0-255"])
    }

    /// The column beside an entry is not what is sealed of it.
    @Test func theTimesOfAFileAreThoseOfItsEntries() throws {
        let evidence = try Evidence()
        try evidence.tamper("UPDATE entries SET time = 0 WHERE seq IN (0, 255)")
        try evidence.seal(files: 1)
        #expect(try evidence.findings() == [])
    }

    @Test func anotherEntryUnderASealedNumberIsFoundAndAnswersNothing() throws {
        let evidence = try Evidence()
        let reader = try LedgerHandle(file: evidence.path).reader()
        let honest = try #require(try reader.entry(seq: 5)).json
        try evidence.seal(files: 2)
        try evidence.tamper(
            "INSERT INTO entries SELECT 5, time, kind, channel, verdict, reason, source, account, json "
                + "FROM entries WHERE seq = 600")
        #expect(try evidence.findings() == ["altered_entry 5-5"])
        #expect(try reader.entry(seq: 5)?.json == honest)
        var query = LedgerQuery()
        (query.above, query.below) = (4, 6)
        for order in [LedgerQuery.Order.oldestFirst, .newestFirst] {
            query.order = order
            #expect(try reader.entries(query).map(\.json) == [honest])
        }
        query.sealed = false
        #expect(try reader.entries(query).isEmpty)
        let time = try #require(try reader.entry(seq: 600)).time
        #expect(try reader.firstSeq(notBefore: time) == 600)
    }

    /// Drops have their entries by their numbers, and callers are looked for in an index.
    @Test func anotherEntryUnderASealedNumberIsOfNoDropAndOfNoCaller() throws {
        let evidence = try Evidence(entries: 0)
        let ledger = LedgerHandle(file: evidence.path)
        let caller = try IPAddress("198.51.100.7")
        let call = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)
        @discardableResult
        func commit(_ operations: [LedgerOperation], at second: Int64) throws -> [AppendedEntry] {
            try ledger.open(node: "t").commit(operations, now: Instant(microseconds: second * 1_000_000))
                .compactMap { if case .appended(let entry) = $0 { entry } else { nil } }
        }
        let others: [LedgerOperation] = Array(repeating: .append(call, drop: nil), count: 254)
        try commit([webhookOperation("a", key: 1), webhookOperation("b", key: 2)] + others, at: 1000)
        var named = call
        named.source = Endpoint(ip: caller)
        try commit([.append(named, drop: nil)], at: 2000)
        // It tells the clock, too, which is behind.
        try commit([.append(call, drop: nil)], at: 100)
        let reader = try ledger.reader()
        let honest = try (0..<2 as Range<Int64>).map { try #require(try reader.entry(seq: $0)).json }
        try evidence.seal(files: 1)
        try evidence.tamper(
            "INSERT INTO entries SELECT seq - 256, time, kind, channel, verdict, reason, source, account, json "
                + "FROM entries WHERE seq IN (256, 257)",
            "UPDATE entries SET source = NULL WHERE seq = 256")

        for (seq, json) in honest.enumerated() {
            #expect(try ledger.open(node: "t").entry(seq: Int64(seq)) == json)
        }
        #expect(try ledger.open(node: "t").pendingDrops(after: -1, limit: 10).map(\.entry) == honest)
        #expect(try reader.seen([caller], before: 256).isEmpty)
        let block = try CIDRBlock("198.51.100.0/24")
        #expect(try reader.sources(in: [block], since: Instant(microseconds: 0), limit: 10).isEmpty)
        let tally = try reader.tally(0..<256)
        #expect(tally.entries == 256 && tally.groups.keys.allSatisfy { $0.source != caller })
        // The file was last written to at 1000 s: by the times that stand beside it, the first would be a repeat, and the second none.
        let old = try commit([webhookOperation("c", key: 1, within: .seconds(10))], at: 2005)
        #expect(old.map(\.repeats) == [nil])
        let young = try commit([webhookOperation("d", key: 2, within: .seconds(1500))], at: 2006)
        #expect(young.map(\.repeats) == ["b"])
    }

    /// Everything about it agrees with the table, but for the hashes that were recorded of its entries.
    @Test func anotherFileInThePlaceOfASealedOneIsNotUnaltered() throws {
        let (honest, other) = (try Evidence(entries: 300), try Evidence(entries: 300, reason: .badSecret))
        for evidence in [honest, other] { try evidence.seal(files: 1) }
        let sealing = try LedgerHandle(file: honest.path).sealing()
        let segment = try sealing.segments()[0]
        try sealing.requireUnaltered(segment)
        let foreign = try LedgerHandle(file: other.path).sealing().segments()[0]
        let file = "segments/\(segment.fileName)"
        try Data(contentsOf: URL(fileURLWithPath: other.directory.file(file))).write(
            to: URL(fileURLWithPath: honest.directory.file(file)))
        let sha256 = foreign.sha256.map { String(format: "%02x", $0) }.joined()
        try honest.tamper("UPDATE segments SET sha256 = x'\(sha256)', bytes = \(foreign.bytes)")
        let altered = try sealing.segments()[0]
        #expect(altered == foreign && altered != segment)
        let error = #expect(throws: LedgerError.self) { try sealing.requireUnaltered(altered) }
        #expect(error?.message.contains("does not match its recorded hash") == true)
    }

    @Test(arguments: [
        "DELETE FROM set_back", "UPDATE set_back SET earliest = latest", "UPDATE set_back SET last = 254",
    ])
    func aFileWhoseClockNoTableTellsIsNotUnaltered(statement: String) throws {
        let evidence = try Evidence(entries: 100)
        let call = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)
        do {
            let store = try LedgerHandle(file: evidence.path).open(node: "t")
            // The last entry of the file is the one of which the clock said the least.
            for (count, second) in [(155, 10), (1, 5), (1, 20)] as [(Int, Int64)] {
                _ = try store.commit(
                    Array(repeating: .append(call, drop: nil), count: count),
                    now: Instant(microseconds: second * 1_000_000))
            }
        }
        try evidence.seal(files: 1)
        let sealing = try LedgerHandle(file: evidence.path).sealing()
        let segment = try sealing.segments()[0]
        try sealing.requireUnaltered(segment)
        try evidence.tamper(statement)
        let error = #expect(throws: LedgerError.self) { try sealing.requireUnaltered(segment) }
        #expect(
            error?.message.contains("table set_back lacks what the clock said at entry 255") == true)
    }

    /// The age of what follows a removed file depends on when that ended.
    @Test func whenARemovedFileEndedItsRemovalTellsAndNotTheTable() throws {
        let evidence = try Evidence(entries: 0)
        let ledger = LedgerHandle(file: evidence.path)
        let call = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)
        let sealing = try ledger.sealing()
        func commit(_ operations: [LedgerOperation], at second: Int64) throws {
            _ = try ledger.open(node: "t").commit(
                operations, now: Instant(microseconds: second * 1_000_000))
        }
        try commit(Array(repeating: .append(call, drop: nil), count: 256), at: 200)
        try commit([.sealed(sealing.writeSegment(0, 0..<256))], at: 200)
        // The clock is ahead, behind all that was sealed, and right: only the last reading counts.
        try commit([.append(call, drop: nil)], at: 900)
        try commit([.append(call, drop: nil)], at: 100)
        try commit([.segmentRemoved(sealing.segments()[0])], at: 300)
        func written() throws -> Instant? {
            try sealing.writtenBy(
                256..<257, lastTime: Instant(microseconds: 900_000_000),
                now: Instant(microseconds: 400_000_000))
        }
        #expect(try written() == Instant(microseconds: 300_000_000))
        try evidence.tamper("UPDATE segments SET last_time = 0")
        #expect(try written() == Instant(microseconds: 300_000_000))
    }

    @Test(arguments: [0, 2] as [Int64]) func anEntryBelowTheFirstNumber(files: Int64) throws {
        let evidence = try Evidence()
        try evidence.seal(files: files)
        try evidence.tamper(
            "INSERT INTO entries SELECT -1, time, kind, channel, verdict, reason, source, account, json "
                + "FROM entries WHERE seq = 600")
        #expect(try evidence.findings() == ["altered_entry"])
        #expect(try LedgerHandle(file: evidence.path).reader().entry(seq: -1) == nil)
    }

    @Test func whatAStopLeftOfSealedEntriesIsGoodAsLongAsNobodyAltersIt() throws {
        let evidence = try Evidence()
        try evidence.seal(files: 2, clears: false)
        #expect(try evidence.findings() == [])
        try evidence.tamper(
            "DELETE FROM entries WHERE seq BETWEEN 100 AND 299",
            "UPDATE entries SET json = CAST(replace(CAST(json AS TEXT), '\"port\":9', '\"port\":8') AS BLOB) WHERE seq = 300"
        )
        #expect(try evidence.findings() == ["altered_entry 300-300"])
    }

    @Test func aRemovalThatASealedEntryDoesNotRecord() throws {
        let evidence = try Evidence()
        try evidence.seal(files: 2)
        // Entry 300 lies in the second file, and records nothing.
        try evidence.tamper("UPDATE segments SET removal_entry = 300 WHERE number = 0")
        #expect(try evidence.findings() == ["missing_entry 0-255"])
        let sealing = try LedgerHandle(file: evidence.path).sealing()
        #expect(throws: LedgerError.self, "and the gate does not remove the file for it") {
            try sealing.removeFile(of: sealing.segments()[0])
        }
        // Nor is it good that two removals have each other's word.
        try evidence.tamper("UPDATE segments SET removal_entry = 100 WHERE number = 1")
        #expect(try evidence.findings() == ["missing_entry 256-511"])
        for segment in try sealing.segments() {
            #expect(throws: LedgerError.self) { try sealing.removeFile(of: segment) }
        }
        try evidence.tamper("UPDATE segments SET removal_entry = NULL")
        #expect(try evidence.findings() == [])
    }

    @Test func theLastHundredThatWereCutAreMissing() throws {
        let evidence = try Evidence()
        try evidence.tamper("DELETE FROM entries WHERE seq >= 600")
        #expect(try evidence.findings() == ["tail_cut 600-699"])
    }

    @Test func theLastHundredCutWithTheirCheckpointIsCaughtAgainstAnyCopyOfIt() throws {
        let evidence = try Evidence()
        try evidence.tamper(
            "DELETE FROM entries WHERE seq >= 600", "DELETE FROM checkpoints WHERE size > 600")
        #expect(try evidence.findings() == [], "no local check can tell")
        #expect(try evidence.findings(evidence.kept([700], isOutside: true)) == ["rolled_back 600-699"])
    }

    @Test func theWholeDatabaseReplacedByYesterdaysCopy() throws {
        let evidence = try Evidence(entries: 400)
        let copy = evidence.directory.file("copy.sqlite")
        let database = try DatabaseQueue(path: evidence.path)
        try database.vacuum(into: copy)
        try database.close()
        try evidence.grow(to: 700)
        for suffix in ["", "-wal", "-shm"] { unlink(evidence.path + suffix) }
        try FileManager.default.moveItem(atPath: copy, toPath: evidence.path)
        #expect(try evidence.findings() == [], "no local check can tell")
        #expect(
            try evidence.findings(evidence.kept([300, 500, 600, 700], isOutside: true)) == [
                "rolled_back 400-699"
            ])
        #expect(throws: LedgerError.self, "and nothing is appended") {
            let store = try LedgerHandle(file: evidence.path).open(node: "t")
            try store.require(extends: evidence.checkpoints[6].checkpoint, keptBy: "w")
        }
    }

    @Test func theChainRebuiltWithAnotherKey() throws {
        let honest = try Evidence()
        let forged = try Evidence(reason: .badSecret)
        #expect(Set(try forged.verify(trusted: [honest.key]).faults.map(\.kind)) == [.badSignature])
        #expect(try forged.findings() == [], "with the key replaced too, no local check can tell")
        let kinds = try forged.verify(honest.kept([700], isOutside: true)).faults.map(\.kind)
        #expect(kinds == [.forked, .badSignature])
    }

    @Test func aCheckpointThatWasDroppedIsMissing() throws {
        let evidence = try Evidence()
        try evidence.tamper("DELETE FROM checkpoints WHERE size = 300")
        #expect(try evidence.findings() == ["checkpoint_missing"])
    }

    @Test func theNewestCheckpointDroppedIsCaughtAgainstAnyCopyOfIt() throws {
        let evidence = try Evidence()
        try evidence.tamper("DELETE FROM checkpoints WHERE size = 700")
        #expect(try evidence.findings() == [], "no local check can tell")
        #expect(try evidence.findings(evidence.kept([700], isOutside: false)) == ["checkpoint_missing"])
    }

    @Test func aCheckpointReplacedByNonsense() throws {
        let evidence = try Evidence()
        try evidence.tamper("UPDATE checkpoints SET note = 'x' WHERE size = 300")
        #expect(try evidence.findings() == ["bad_signature"])
    }

    /// With the ledger whole, and with its last hundred entries and their checkpoint taken away, too.
    @Test(arguments: [false, true]) func aKeptCheckpointWithAnAlteredLineIsNeverPassedOver(isCut: Bool) throws
    {
        // Of less entries than a tile has: nothing else tells of those that were taken.
        let evidence = try Evidence(entries: 200)
        if isCut {
            try evidence.tamper(
                "DELETE FROM entries WHERE seq >= 100", "DELETE FROM checkpoints WHERE size > 100")
        }
        let notes = evidence.checkpoints.map(\.note.description)
        let whole = notes.joined(separator: "\n")
        #expect(try evidence.kinds(whole, mayBeTorn: false) == (isCut ? ["rolled_back"] : []))
        let lines = notes[1].split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for index in lines.indices.dropLast() {
            let line = lines[index]
            for altered in ["", "x" + line, line + "x", String(line.dropLast()), String(line.dropLast(4))]
            where altered != line {
                var all = lines
                all[index] = altered
                let file = notes[0] + "\n" + all.joined(separator: "\n")
                // Without the end of its last line it is what a crash leaves; without four characters of base64 it reads as
                // a whole note with another signature.
                let isTorn =
                    !isCut && index == lines.count - 2 && line.hasPrefix(altered)
                    && altered != String(line.dropLast(4))
                for mayBeTorn in [false, true] {
                    let kinds = try evidence.kinds(file, mayBeTorn: mayBeTorn)
                    #expect(kinds.isEmpty == (isTorn && mayBeTorn), "line \(index): \(altered)")
                }
            }
        }
        for size in [0, 1, 50, 100, 150] {
            let altered = notes[1].replacing("\n200\n", with: "\n\(size)\n")
            #expect(try !evidence.kinds(notes[0] + altered, mayBeTorn: true).isEmpty, "size \(size)")
        }
        // Each note, in its signature and its fourth line.
        for (word, other) in [("t/dropgate ", "t/dropgate !"), ("time=", "time=x"), ("dropgate ", "gate ")] {
            let altered = whole.replacing(word, with: other)
            #expect(try evidence.kinds(altered, mayBeTorn: true).contains("checkpoint_damaged"), "\(other)")
        }
    }

    @Test func whatACrashLeftOfACheckpointOfTheLedgerIsNoDamageWhereTheGateWrites() throws {
        let evidence = try Evidence(entries: 300)
        let notes = evidence.checkpoints.map(\.note.description)
        for length in 1..<notes[2].count {
            let file = notes[0] + "\n" + notes[2].prefix(length)
            #expect(try evidence.kinds(file, mayBeTorn: true) == [], "cut after \(length)")
            #expect(
                try evidence.kinds(file, mayBeTorn: false) == ["checkpoint_damaged"], "cut after \(length)")
        }
        let resigned = notes[2].prefix(100).replacing("time=20", with: "time=21")
        #expect(try evidence.kinds(notes[0] + "\n" + resigned, mayBeTorn: true) == [])
        // The ledger has no such checkpoint.
        let stranger = notes[2].replacing("\n300\n", with: "\n301\n").prefix(80)
        #expect(
            try evidence.kinds(notes[0] + "\n" + stranger, mayBeTorn: true) == ["checkpoint_damaged"])
    }

    @Test func withManyCheckpointsOfAnOlderKeyNoForgedOneIsPassedOver() throws {
        let evidence = try Evidence(entries: 100)
        let attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)
        do {
            let store = try LedgerHandle(file: evidence.path).open(node: "t")
            for _ in 0...LedgerVerifier.faultLimit {
                _ = try store.commit([.append(attempt, drop: nil), .checkpoint(evidence.key)], now: .now())
            }
        }
        let next = try evidence.rotate()
        #expect(try evidence.findings(trusted: [next]) == [])
        let signature = "\u{2014} t/dropgate "
        try evidence.tamper(
            "UPDATE checkpoints SET note = substr(note, 1, instr(note, '\(signature)') + 30) || 'AAAA' || "
                + "substr(note, instr(note, '\(signature)') + 35) WHERE size = 1100")
        #expect(try evidence.findings(trusted: [next]) == ["bad_signature"])
    }

    @Test func withoutTheHashesOfWhatRetentionRemovedNothingThatFollowsCounts() throws {
        let evidence = try Evidence(entries: 600)
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .changed)
        attempt.detail[LedgerSegment.removalMember] = ["first": 0, "last": 255]
        do {
            let store = try LedgerHandle(file: evidence.path).open(node: "t")
            _ = try store.commit(
                [.append(attempt, drop: nil), .checkpoint(evidence.key)], now: .now())
        }
        try evidence.tamper(
            "DELETE FROM entries WHERE seq < 256",
            "INSERT INTO segments VALUES (0, 0, 255, 0, 0, x'00', 0, 600)")
        #expect(try evidence.findings() == [])
        try evidence.tamper(
            "DELETE FROM tiles WHERE id = 0",
            "UPDATE entries SET json = CAST(replace(CAST(json AS TEXT), '\"port\":9', '\"port\":8') AS BLOB) WHERE seq = 310"
        )
        #expect(try evidence.findings().contains("tree_damaged 0-255"))
    }

    @Test func aDamagedHashTileIsToldFromDamagedEntries() throws {
        let evidence = try Evidence(entries: 600)
        try evidence.tamper("DELETE FROM tiles WHERE id = 1")
        #expect(try evidence.findings() == ["tree_damaged 256-511"])
    }

    @Test func aLedgerWhoseLastCheckpointDoesNotFitIsNotAppendedTo() throws {
        let evidence = try Evidence()
        try evidence.tamper("DELETE FROM entries WHERE seq >= 600")
        #expect { try LedgerHandle(file: evidence.path).open(node: "t") } throws: {
            ($0 as? LedgerError)?.code == .rolledBack
        }
    }

    @Test func keysTiedByARotationAreTrustedFromEitherEnd() throws {
        let evidence = try Evidence(entries: 200)
        let next = try evidence.rotate()
        #expect(try evidence.findings() == [])
        #expect(try evidence.findings(trusted: [next]) == [])
        #expect(try evidence.findings(trusted: [NoteSigner(name: "t/dropgate")]).count == 3)
    }

    /// Whoever has stolen the old key must not be able to go on with the ledger.
    @Test func aKeyThatARotationReplacedSignsNothingThatFollows() throws {
        let evidence = try Evidence(entries: 200)
        let next = try evidence.rotate(isSignedByOld: true)
        for trusted in [evidence.key, next] {
            let result = try evidence.verify(trusted: [trusted])
            #expect(
                result.faults.map(\.message) == [
                    "the checkpoint of 201 entries is signed by a key that entry 200 had replaced"
                ])
            #expect(result.signed == nil && result.faults.first?.kind == .badSignature)
        }
        do {
            let store = try LedgerHandle(file: evidence.path).open(node: "t")
            _ = try store.commit([.checkpoint(next)], now: .now())
        }
        #expect(try evidence.findings() == [])
        #expect(try evidence.findings(evidence.kept([201], isOutside: true)) == ["bad_signature"])
        #expect(
            try evidence.findings(evidence.kept([200], isOutside: true)) == [],
            "it does not cover the rotation")
    }

    @Test(arguments: [
        "DELETE FROM set_back", "UPDATE set_back SET earliest = latest",
        "UPDATE set_back SET last = last - 1",
    ])
    func whatHidesAClockThatWasSetBackFromQueriesIsFound(statement: String) throws {
        let evidence = try Evidence(entries: 100)
        let attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)
        do {
            let store = try LedgerHandle(file: evidence.path).open(node: "t")
            for second in [10, 20] as [Int64] {
                _ = try store.commit(
                    [.append(attempt, drop: nil)], now: Instant(microseconds: second * 1_000_000))
            }
        }
        #expect(try evidence.findings() == [])
        try evidence.tamper(statement)
        #expect(try evidence.findings().allSatisfy { $0.hasPrefix("columns") })
        #expect(try !evidence.findings().isEmpty)
    }

    /// What is damaged is what verification is for: it says so, and does not end the process.
    @Test(arguments: [
        "UPDATE entries SET json = CAST(replace(CAST(json AS TEXT), 'T08:', 'Tp8:') AS BLOB) WHERE seq = 7",
        "INSERT INTO entries SELECT 9223372036854775807, time, kind, channel, verdict, reason, source, account, json "
            + "FROM entries WHERE seq = 3",
        "INSERT INTO segments (number, first, last, first_time, last_time, sha256, bytes) VALUES (0, 5, 4, 0, 0, x'00', 0)",
        "INSERT INTO segments (number, first, last, first_time, last_time, sha256, bytes) "
            + "VALUES (0, 0, 9223372036854775807, 0, 99999999999999999, x'00', 0)",
        "INSERT INTO segments (number, first, last, first_time, last_time, sha256, bytes) "
            + "VALUES (9223372036854775807, 0, 3, 0, 99999999999999999, x'00', 0)",
    ])
    func whatCannotBeIsAFindingLikeAnyOther(statement: String) throws {
        let evidence = try Evidence(entries: 100)
        try evidence.tamper(statement)
        #expect(try !evidence.findings().isEmpty)
        // Nor does it end who asks, or seals.
        let reader = try LedgerHandle(file: evidence.path).reader()
        for order in [LedgerQuery.Order.oldestFirst, .newestFirst] {
            var query = LedgerQuery()
            query.order = order
            query.limit = 1000
            #expect(try reader.entries(query).count >= 100)
        }
        _ = try? LedgerHandle(file: evidence.path).sealing().nextSegment(width: 64)
    }
}
