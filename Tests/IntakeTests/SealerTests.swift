// Sealing: entries in files still verify, prove and read; removal leaves proofs of the rest.
import Admission
import Foundation
import JSON
import Ledger
import LedgerSupport
import Support
import Testing
import Upkeep

@testable import Intake

@Suite struct SealerTests {
    private let key: NoteSigner

    init() throws { key = try NoteSigner(name: "t/dropgate") }

    /// A gate with this many rejections, and a checkpoint over them.
    private func gate(
        _ count: Int, _ directory: TemporaryDirectory? = nil, disk: FailingDisk = FailingDisk()
    ) async throws -> Gate {
        let gate = try Gate(directory, disk: disk)
        for _ in 0..<count {
            try await gate.intake.record(
                Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
        }
        try await checkpoint(gate)
        return gate
    }

    private func checkpoint(_ gate: Gate) async throws {
        let archive = CheckpointFile(directory: gate.directory.file("checkpoints"))
        try await Checkpointer(gate.intake, key: key, every: .seconds(1), archive: archive, witnesses: [])
            .sign()
    }

    private func sweep(_ gate: Gate, seal: Duration? = .zero, retain: Duration? = nil) async throws {
        try await Sealer(gate.intake, sealAfter: seal, retain: retain, width: 256).sweep()
        #expect(gate.intake.health.problems.isEmpty)
    }

    private func verify(_ gate: Gate) throws -> LedgerVerifier.Result {
        var evidence = LedgerVerifier.Evidence()
        evidence.add(
            try CheckpointFile(directory: gate.directory.file("checkpoints")).all(), of: "copy",
            isOutside: false, mayBeTorn: false)
        return try LedgerHandle(file: gate.directory.file("ledger.sqlite")).verifier(
            trusted: [key.verifier], evidence: evidence
        ).verify()
    }

    private func segments(_ gate: Gate) throws -> [LedgerSegment] {
        try LedgerHandle(file: gate.directory.file("ledger.sqlite")).sealing().segments()
    }

    private func file(_ gate: Gate, _ number: Int) -> String {
        gate.directory.file("segments/00000000000\(number).jsonl.gz")
    }

    @Test func sealedEntriesVerifyProveAndReadAsBefore() async throws {
        let gate = try await gate(600)
        let reader = try LedgerHandle(file: gate.directory.file("ledger.sqlite")).reader()
        let before = try (0..<600).map { try #require(try reader.entry(seq: $0)).json }
        try await sweep(gate)
        #expect(try segments(gate).map(\.first) == [0, 256])
        #expect(try verify(gate).faults.map(\.message) == [])
        #expect(try verify(gate).size == 600)
        for seq: Int64 in [0, 255, 256, 511, 512, 599] {
            #expect(try reader.entry(seq: seq)?.json == before[Int(seq)])
            let proof = try reader.withTree { try $0.inclusionProof(index: seq, size: 600) }
            let root = try gate.intake.store.root(size: 600)
            #expect(
                MerkleProof.isIncluded(
                    .leaf(before[Int(seq)]), index: seq, size: 600, root: root, proof: proof))
        }
        var seen: [Int64] = []
        try reader.forEachEntry(250..<520) { seq, json in
            #expect(json == before[Int(seq)])
            seen.append(seq)
        }
        #expect(seen == Array(250..<520))
        await gate.intake.close()
    }

    @Test func questionsReachAcrossTheBorder() async throws {
        let gate = try Gate()
        for number in 0..<600 {
            var attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .authFailed)
            attempt.account = "user \(number % 3)"
            attempt.source = Endpoint(ip: try IPAddress("192.0.2.\(number % 7)"))
            attempt.detail["message"] = .string("Number \(number) \"quoted\"")
            try await gate.intake.record(attempt)
        }
        let reader = try LedgerHandle(file: gate.directory.file("ledger.sqlite")).reader()
        var queries: [LedgerQuery] = [
            LedgerQuery(), LedgerQuery(), LedgerQuery(), LedgerQuery(), LedgerQuery(),
        ]
        queries[1].accounts = ["user 1"]
        queries[2].sources = [try CIDRBlock("192.0.2.4/31")]
        queries[3].text = "number 51"
        queries[4].above = 200
        queries[4].below = 520
        var pages: [(query: LedgerQuery, before: [Int64])] = []
        for index in queries.indices {
            for order in [LedgerQuery.Order.oldestFirst, .newestFirst] {
                queries[index].order = order
                for limit in [7, 300, 1000] {
                    queries[index].limit = limit
                    let (query, before) = (queries[index], try reader.entries(queries[index]).map(\.seq))
                    pages.append((query, before))
                }
            }
        }
        try await sweep(gate)
        #expect(try segments(gate).count == 2)
        for (query, before) in pages {
            #expect(try reader.entries(query).map(\.seq) == before)
            var rest = query
            rest.after = before.last
            let all = try reader.entries(rest).map(\.seq)
            #expect(
                Set(all).isDisjoint(with: before)
                    && all == all.sorted(by: query.order == .oldestFirst ? (<) : (>)))
        }
        await gate.intake.close()
    }

    @Test(arguments: [LedgerQuery.Order.oldestFirst, .newestFirst])
    func whoAsksWhileEntriesAreSealedMissesNone(order: LedgerQuery.Order) async throws {
        let gate = try await gate(2600)
        let reader = try LedgerHandle(file: gate.directory.file("ledger.sqlite")).reader()
        var query = LedgerQuery()
        query.order = order
        query.below = 2600
        query.limit = 5000
        let sealing = Task { try await sweep(gate) }
        var answers = 0
        while try segments(gate).count < 10 || answers == 0 {
            #expect(try Set(reader.entries(query).map(\.seq)).count == 2600)
            answers += 1
            await Task.yield()
        }
        try await sealing.value
        #expect(
            try reader.entries(query).map(\.seq)
                == (order == .oldestFirst ? Array(0..<2600) : (0..<2600).reversed()))
        await gate.intake.close()
    }

    @Test func theLedgerGoesOnAfterSealingAndReopening() async throws {
        func sealed() async throws -> TemporaryDirectory {
            let gate = try await self.gate(513)
            try await sweep(gate)
            await gate.intake.close()
            return gate.directory
        }
        let gate = try await self.gate(9, try await sealed())
        #expect(try verify(gate).faults.map(\.message) == [])
        #expect(try gate.intake.store.size() == 522)
        await gate.intake.close()
    }

    @Test func aSegmentThatWasAlteredOrTakenAwayIsFound() async throws {
        let gate = try await gate(600)
        try await sweep(gate)
        let path = file(gate, 0)
        let whole = try Data(contentsOf: URL(filePath: path))
        var altered = whole
        altered[altered.count / 2] ^= 1
        try altered.write(to: URL(filePath: path))
        #expect(try verify(gate).faults.first?.kind == .altered)
        // A member behind the others that holds no whole line (`printf x | gzip`).
        let more: [UInt8] = [
            0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xAB, 0, 0, 0x83, 0x16, 0xDC, 0x8C, 1, 0, 0, 0,
        ]
        try (whole + more).write(to: URL(filePath: path))
        #expect(try verify(gate).faults.first?.kind == .altered)
        try FileManager.default.removeItem(atPath: path)
        #expect(try verify(gate).faults.map(\.kind) == [.missing])
        try whole.write(to: URL(filePath: path))
        #expect(try verify(gate).isGood)
        await gate.intake.close()
    }

    @Test func removalIsAnEntryAndLeavesTheProofsOfTheRest() async throws {
        let gate = try await gate(600)
        try await sweep(gate, retain: .zero)
        try await checkpoint(gate)
        #expect(!FileManager.default.fileExists(atPath: file(gate, 0)))
        let result = try verify(gate)
        #expect(result.faults.map(\.message) == [])
        #expect(result.removed == [0...255, 256...511])
        let reader = try LedgerHandle(file: gate.directory.file("ledger.sqlite")).reader()
        #expect(try reader.entry(seq: 0) == nil)
        let entry = try #require(try reader.entry(seq: 600)?.value())
        #expect(entry["detail"]?[LedgerSegment.removalMember]?["last"]?.int == 255)
        let json = try #require(try reader.entry(seq: 599)).json
        let proof = try reader.withTree { try $0.inclusionProof(index: 599, size: 602) }
        #expect(
            MerkleProof.isIncluded(
                .leaf(json), index: 599, size: 602, root: try gate.intake.store.root(size: 602), proof: proof)
        )
        await gate.intake.close()
    }

    /// With a short time of retention that is so after each removal, with a long one after years.
    @Test func aRemovalStaysGoodWhenItsOwnEntryIsSealedAndRemoved() async throws {
        let gate = try await gate(600)
        try await sweep(gate, retain: .zero)
        func goOn() async throws {
            for _ in 0..<300 {
                try await gate.intake.record(
                    Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
            }
            try await checkpoint(gate)
        }
        try await goOn()
        try await sweep(gate)
        #expect(try segments(gate).map(\.first) == [0, 256, 512], "with entries 600 and 601, the removals")
        #expect(try verify(gate).faults.map(\.message) == [])
        try await sweep(gate, retain: .zero)
        try await goOn()
        #expect(try verify(gate).faults.map(\.message) == [])
        #expect(try verify(gate).removed == [0...255, 256...511, 512...767])
        try await sweep(gate)
        #expect(try verify(gate).faults.map(\.message) == [])
        await gate.intake.close()
    }

    /// Where the ledger's table says that it is old, and where its file is another one.
    @Test(arguments: [true, false]) func nothingIsRemovedForWhatOnlyTheTableSays(isInTable: Bool) async throws
    {
        let gate = try await gate(300)
        var segment = try gate.intake.ledger.sealing().writeSegment(0, 0..<256)
        if isInTable { segment.lastTime = Instant(microseconds: 1_000_000) }
        try await gate.intake.carryOut(.sealed(segment))
        try await gate.intake.carryOut(.clearSealed(below: 256, limit: 1000))
        if !isInTable {
            let url = URL(filePath: file(gate, 0))
            // Behind the last member unpacking passes over it.
            let more: [UInt8] = [0x1F]
            try (Data(contentsOf: url) + more).write(to: url)
        }
        let retain = isInTable ? Duration.seconds(86_400 * 3650) : .zero
        try await Sealer(gate.intake, sealAfter: nil, retain: retain, width: 256).sweep()
        #expect(FileManager.default.fileExists(atPath: file(gate, 0)))
        #expect(try segments(gate).map(\.removalEntry) == [nil] && removals(gate).isEmpty)
        #expect(gate.intake.health.problems["sealing"]?.contains("sealed entries 0 to 255") == true)
        #expect(try verify(gate).faults.map(\.kind) == [.columns])
        await gate.intake.close()
    }

    /// The oldest file is looked at every hour for years.
    @Test func aFileThatIsToStayIsNotReadForItsRemoval() async throws {
        let gate = try await gate(300)
        try await sweep(gate)
        let url = URL(filePath: file(gate, 0))
        let more: [UInt8] = [0x1F]
        try (Data(contentsOf: url) + more).write(to: url)
        try await sweep(gate, seal: nil, retain: .seconds(3600))
        #expect(FileManager.default.fileExists(atPath: file(gate, 0)))
        await gate.intake.close()
    }

    /// As for what only the table calls sealed.
    @Test func entriesStayInTheDatabaseUntilTheirFileIsThere() async throws {
        let gate = try await gate(300)
        let sealing = try gate.intake.ledger.sealing()
        var segment = try sealing.writeSegment(0, 0..<256)
        segment.last = 298
        try await gate.intake.carryOut(.sealed(segment))
        try await Sealer(gate.intake, sealAfter: nil, retain: nil, width: 256).sweep()
        #expect(gate.intake.health.problems["sealing"]?.contains("sealed entries 0 to 298") == true)
        #expect(try sealing.hasUnclearedEntries(below: 1))
        await gate.intake.close()
    }

    /// The entries that record removals.
    private func removals(_ gate: Gate) throws -> [JSONValue] {
        var query = LedgerQuery()
        query.kinds = [.service]
        return try gate.entries(query).compactMap { $0["detail"]?[LedgerSegment.removalMember] }
    }

    /// The disk fails before or after the first commit of the removal; then it works again.
    @Test(arguments: [0, 1]) func aRemovalThatFailsOnTheWayHasOneEntry(commits: Int) async throws {
        let disk = FailingDisk()
        let gate = try await gate(300, disk: disk)
        try await sweep(gate)
        disk.commitsLeft = commits
        try await Sealer(gate.intake, sealAfter: nil, retain: .zero, width: 256).sweep()
        #expect(FileManager.default.fileExists(atPath: file(gate, 0)) == (commits == 0))
        disk.commitsLeft = .max
        try await sweep(gate, seal: nil, retain: .zero)
        #expect(!FileManager.default.fileExists(atPath: file(gate, 0)))
        #expect(try removals(gate).count == 1)
        #expect(try verify(gate).faults.map(\.message) == [])
        await gate.intake.close()
    }

    @Test func aStopBeforeTheFileIsGoneIsFinishedByTheNextSweep() async throws {
        let gate = try await gate(300)
        try await sweep(gate)
        try await gate.intake.carryOut(.segmentRemoved(segments(gate)[0]))
        #expect(FileManager.default.fileExists(atPath: file(gate, 0)))
        try await sweep(gate, seal: nil, retain: .zero)
        #expect(!FileManager.default.fileExists(atPath: file(gate, 0)))
        #expect(try removals(gate).count == 1)
        await gate.intake.close()
    }

    @Test func whatIsYoungOrNotWholeStaysWhereItIs() async throws {
        let gate = try await gate(300)
        try await sweep(gate, seal: .seconds(3600))
        #expect(try segments(gate).isEmpty)
        try await sweep(gate)
        #expect(try segments(gate).count == 1)
        await gate.intake.close()
    }
}
