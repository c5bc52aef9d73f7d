// A ledger that tests alter as somebody would who can write its file, and what a verification says of it then.
import Admission
import Foundation
import GRDB
import JSON
import Ledger
import Support

/// A ledger of 700 entries with a checkpoint at each hundred, and everything that was seen signed.
final class Evidence {
    let directory: TemporaryDirectory
    let key: NoteSigner
    var checkpoints: [SignedCheckpoint] = []
    var path: String { directory.file("ledger.sqlite") }

    init(entries: Int = 700, reason: Reason = .notListed) throws {
        directory = try TemporaryDirectory("tamper")
        key = try NoteSigner(name: "t/dropgate")
        try grow(to: entries, reason: reason)
    }

    func grow(to entries: Int, reason: Reason = .notListed) throws {
        let store = try LedgerHandle(file: path).open(node: "t")
        while try store.size() < entries {
            let operations = try (0..<100).map { index -> LedgerOperation in
                var attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: reason)
                attempt.account = "a \"quoted\" name \(index % 3)"
                attempt.source = Endpoint(
                    ip: try IPAddress(index % 2 == 0 ? "192.0.2.\(index)" : "2001:db8::\(index)"), port: 9)
                attempt.detail = [
                    "trace": ["seq 7, verdict accepted", "{\"kind\":1}"], "deep": ["a": ["b": true]],
                ]
                return .append(attempt, drop: nil)
            }
            let time = Instant(microseconds: 1_795_421_730_000_000 + (try store.size()) * 1_000_000)
            let outcomes = try store.commit(operations + [.checkpoint(key)], now: time)
            if case .checkpointed(let signed?) = outcomes.last { checkpoints.append(signed) }
        }
    }

    /// Moves the first entries to files of 256.
    /// - Parameter clears: false: as after a stop before they left the database.
    func seal(files: Int64, clears: Bool = true) throws {
        let ledger = LedgerHandle(file: path)
        let (store, sealing) = (try ledger.open(node: "t"), try ledger.sealing())
        for number in 0..<files {
            let segment = try sealing.writeSegment(number, number * 256..<(number + 1) * 256)
            _ = try store.commit([.sealed(segment)], now: .now())
        }
        if clears { _ = try store.commit([.clearSealed(below: files * 256, limit: 1000)], now: .now()) }
    }

    /// Replaces the key by another one, which this returns.
    /// - Parameter isSignedByOld: the key that was replaced signs the checkpoint that follows, and not the new one.
    func rotate(isSignedByOld: Bool = false) throws -> NoteSigner {
        let next = try NoteSigner(name: "t/dropgate")
        let rotation = try KeyRotation(from: key, to: next)
        let store = try LedgerHandle(file: path).open(node: "t")
        let outcomes = try store.commit(
            [.append(rotation.attempt, drop: nil), .checkpoint(isSignedByOld ? key : next)], now: .now())
        if case .checkpointed(let signed?) = outcomes.last { checkpoints.append(signed) }
        return next
    }

    /// As an attacker would: around the program.
    func tamper(_ statements: String...) throws {
        let database = try DatabaseQueue(path: path)
        try database.write { db in for statement in statements { try db.execute(sql: statement) } }
        try database.close()
    }

    func kept(_ sizes: [Int64], isOutside: Bool) -> [LedgerVerifier.Kept] {
        checkpoints.filter { sizes.contains($0.checkpoint.size) }
            .map { LedgerVerifier.Kept($0, keeper: "w", isOutside: isOutside) }
    }

    func verify(_ kept: [LedgerVerifier.Kept] = [], trusted: [NoteSigner]? = nil) throws
        -> LedgerVerifier.Result
    {
        var evidence = LedgerVerifier.Evidence()
        for kept in kept {
            evidence.add(
                KeptCheckpoints(checkpoints: [kept.checkpoint]), of: kept.keeper, isOutside: kept.isOutside,
                mayBeTorn: false)
        }
        return try verify(evidence, trusted: trusted)
    }

    func verify(_ evidence: LedgerVerifier.Evidence, trusted: [NoteSigner]? = nil) throws
        -> LedgerVerifier.Result
    {
        try LedgerHandle(file: path).verifier(
            trusted: Set((trusted ?? [key]).map(\.verifier)), evidence: evidence
        ).verify()
    }

    /// What is found when this is kept of the checkpoints.
    func kinds(_ file: String, mayBeTorn: Bool) throws -> [String] {
        let path = directory.file("kept.notes")
        try Data(file.utf8).write(to: URL(fileURLWithPath: path))
        var evidence = LedgerVerifier.Evidence()
        evidence.add(
            try CheckpointFile(file: path).all(), of: path, isOutside: true, mayBeTorn: mayBeTorn)
        return try verify(evidence).faults.map(\.kind.rawValue)
    }

    /// Kinds and entries of all findings.
    func findings(_ kept: [LedgerVerifier.Kept] = [], trusted: [NoteSigner]? = nil) throws -> [String] {
        try verify(kept, trusted: trusted).faults.map { fault in
            fault.entries.map { "\(fault.kind.rawValue) \($0.lowerBound)-\($0.upperBound)" }
                ?? fault.kind.rawValue
        }
    }
}
