// The ledger as a whole: signed, verified, proven, handed over.
package import Admission
import Files
package import JSON
package import Ledger
package import Settings

/// Methods throw `ManagementError` or `LedgerError`.
/// - `warn` is told of witnesses that cannot be asked, `progress` how many entries are behind, of how many.
package struct LedgerService: Sendable {
    package typealias Warn = @Sendable (String) -> Void
    package typealias Progress = @Sendable (Int64, Int64) -> Void

    let settings: GateSettings
    var ledger: LedgerHandle { settings.ledgerHandle }

    package init(_ settings: GateSettings) { self.settings = settings }

    /// Signs the ledger's head now, and returns the signed note.
    package func checkpoint(by attribution: Attribution, warn: @escaping Warn) async throws -> String {
        let note = try await Authority.asking(settings, warn: warn) {
            try await $0.checkpoint(by: attribution)
        }
        guard let note else { throw ManagementError(.refused, "the ledger has no entries") }
        return note
    }

    /// The newest signed note; nil before the first.
    package func newestCheckpoint() throws -> String? {
        try ledger.reader().newestCheckpoint()?.note.description
    }

    /// The public keys that the ledger was signed with, one a line, the newest one last.
    package func publicKeys() throws -> String { try FileReading.text(LedgerKeys(settings).publicFile) }

    /// Goes over to a new signing key, and returns the public one.
    package func rotateKey(by attribution: Attribution, warn: @escaping Warn) async throws -> String {
        try await Authority.asking(settings, warn: warn) { try await $0.rotateKey(by: attribution) }
    }

    // MARK: Verification

    /// What was found, and what it can be held against.
    package struct Verification: Sendable {
        package let result: LedgerVerifier.Result
        package let witnessed: [WitnessedSize]
    }

    /// Hashes every entry, and compares with everything that was signed. A witness that cannot be compared with is a finding.
    /// - Parameters:
    ///   - checkpoints: files of checkpoints that were kept elsewhere.
    ///   - key: a file of public keys that were kept elsewhere; nil: those beside the ledger's key.
    ///   - patience: how long each answer of a witness is waited for; nil: as long as at a start.
    package func verify(
        checkpoints: [String] = [], key: String? = nil, patience: Duration? = nil,
        progress: @escaping Progress, warn: @escaping Warn
    ) async throws -> Verification {
        for (option, file) in checkpoints.map({ ("--checkpoint", $0) }) + (key.map { [("--key", $0)] } ?? [])
        {
            do throws(FileError) { try FileReading.checkReadable(Paths.absolute(file)) } catch {
                throw ManagementError(.invalid, "\(option): \(error)", cause: error)
            }
        }
        for file in checkpoints { try Self.refuseMark(Paths.absolute(file)) }
        let trusted = try key.map(LedgerKeys.verifiers) ?? LedgerKeys(settings).verifiers()
        let reader = try ledger.reader()
        let witnesses = try LedgerWitnesses(settings)
        let sieve = try ledger.sieve(trusted: trusted)
        var evidence = LedgerVerifier.Evidence()
        evidence.add(
            try Self.kept(in: witnesses.archive, through: sieve), of: witnesses.archive.name,
            isOutside: false, mayBeTorn: true)
        for file in checkpoints {
            let found = try Self.kept(in: CheckpointFile(file: Paths.absolute(file)), through: sieve)
            guard !found.isEmpty else {
                throw ManagementError(
                    .invalid, "--checkpoint: \(file) holds no checkpoint",
                    fix:
                        "give a file that has what `dropgate ledger checkpoint` printed, or what a witness keeps"
                )
            }
            evidence.add(found, of: file, isOutside: true, mayBeTorn: false)
        }
        let taken = try reader.witnessed()
        let uncompared = await witnesses.collect(
            &evidence, through: sieve, taken: taken, patience: patience ?? LedgerWitnesses.patience)
        // Before hours of hashing: it may be mended meanwhile.
        for fault in uncompared { warn(fault.message) }
        let verifier = ledger.verifier(trusted: trusted, evidence: evidence, progress: progress)
        var result = try verifier.verify()
        result.faults = Array((uncompared + result.faults).prefix(LedgerVerifier.faultLimit))
        result.faultCount += uncompared.count
        return Verification(result: result, witnessed: try reader.witnessed())
    }

    /// What was signed begins with no byte order mark: with one no key has signed it, which sounds like a forgery.
    private static func refuseMark(_ file: String) throws(ManagementError) {
        // What cannot be read says so where it is read.
        guard (try? FileReading.beginsWithMark(file)) == true else { return }
        throw ManagementError(
            .invalid, "--checkpoint: \(file) begins with a byte order mark, which nobody signed",
            fix: "save it as UTF-8 without one")
    }

    private static func kept(
        in file: CheckpointFile, through sieve: CheckpointSieve
    ) throws -> KeptCheckpoints {
        var sieve = sieve
        try file.all(through: &sieve)
        return sieve.rest
    }

    // MARK: Evidence

    /// That one entry is in the signed tree.
    /// - Parameters:
    ///   - entryFile: where the entry's own bytes go, too; that is an access, and recorded.
    ///   - attribution: who has that access, and why.
    package func prove(
        _ seq: Int64, entryFile: String? = nil, by attribution: Attribution, warn: @escaping Warn
    ) async throws -> TLogProof {
        let reader = try ledger.reader()
        let size = try reader.size()
        guard seq >= 0, seq < size else {
            throw ManagementError(
                .refused, "there is no entry \(seq); the ledger has \(Counted.entries(size))")
        }
        guard let signed = try reader.checkpoint(covering: seq + 1) else {
            throw ManagementError(
                .refused,
                "no checkpoint covers entry \(seq) yet: the gate signs one within \(settings.ledger.checkpointEvery), "
                    + "or run `dropgate ledger checkpoint`")
        }
        let hashes = try reader.withTree { tree -> [MerkleHash]? in
            let signedSize = signed.checkpoint.size
            guard seq < signedSize, signedSize <= tree.size else { return nil }
            return try tree.inclusionProof(index: seq, size: signedSize)
        }
        guard let hashes else {
            throw ManagementError(
                .refused,
                "the checkpoint that covers entry \(seq) is of \(Counted.entries(signed.checkpoint.size)), which this ledger "
                    + "does not have; see `dropgate ledger verify`")
        }
        let proof = TLogProof(index: seq, hashes: hashes, checkpoint: signed.note)
        if let entryFile {
            let export = try await Authority.recordExport(
                "ledger prove", detail: ["first": .int(seq), "last": .int(seq)], by: attribution,
                settings: settings, warn: warn)
            do {
                try reader.forEachEntry(seq..<seq + 1) { _, json in
                    try FileReplacement.write(json, to: entryFile, mode: 0o600)
                }
            } catch {
                await export.endedInPart(error, reach: ExportReach())
                throw error
            }
        }
        return proof
    }

    /// Where a bundle of entries begins or ends.
    package enum Bound: Sendable {
        case time(Instant)
        case entry(Int64)

        var time: Instant? { if case .time(let time) = self { time } else { nil } }
    }

    /// What a bundle holds.
    package struct Bundle: Sendable {
        package let entries: Range<Int64>
        package let checkpoint: Checkpoint
        package let manifest: JSONValue
        /// Source lists that its entries name, that were kept, and that are gone or altered.
        package let damagedLists: [KeptLists.Damage]
    }

    /// Writes entries with all that proves them into a new directory. Recorded as an access before that.
    /// - Parameters:
    ///   - from: nil: the first entry.
    ///   - to: up to and without this time, or with this entry; nil: the last signed entry.
    package func export(
        from: Bound?, to: Bound?, into directory: String, by attribution: Attribution,
        progress: @escaping Progress, warn: @escaping Warn
    ) async throws -> Bundle {
        let directory = Paths.absolute(directory)
        try NewDirectory.check(directory, of: settings)
        let reader = try ledger.reader()
        guard let signed = try reader.newestCheckpoint() else {
            throw ManagementError(
                .refused, "no checkpoint is signed yet", fix: "run `dropgate ledger checkpoint`")
        }
        let range = try Self.range(reader, from, to, below: signed.checkpoint.size)
        guard let key = try LedgerKeys(settings).verifiers().first(where: signed.note.isSigned) else {
            throw ManagementError(
                .refused, "the newest checkpoint is signed by no key of this ledger",
                fix: "run `dropgate ledger verify`")
        }
        let export = try await Authority.recordExport(
            "ledger export", detail: ["first": .int(range.lowerBound), "last": .int(range.upperBound - 1)],
            by: attribution, settings: settings, warn: warn)
        do {
            let written = try LedgerBundle(reader, policies: ledger.policies).write(
                range, checkpoint: signed, key: key, to: directory, now: .now(), progress: progress)
            return Bundle(
                entries: range, checkpoint: signed.checkpoint, manifest: written.manifest,
                damagedLists: written.damagedLists)
        } catch {
            // Nothing of the bundle is left.
            await export.endedInPart(error, reach: ExportReach())
            throw error
        }
    }

    private static func range(
        _ reader: any LedgerReading, _ from: Bound?, _ to: Bound?, below size: Int64
    ) throws -> Range<Int64> {
        let start: Int64 =
            switch from {
            case .time(let time): try reader.firstSeq(notBefore: time)
            case .entry(let seq): seq
            case nil: 0
            }
        let end: Int64 =
            switch to {
            case .time(let time): try reader.seqs(of: LedgerPeriod(since: from?.time, until: time)).upperBound
            case .entry(let seq): min(seq, size) + 1
            case nil: size
            }
        guard start >= 0, start < min(size, end) else {
            throw ManagementError(
                .refused,
                "no signed entries in this range; the newest checkpoint is of \(Counted.entries(size))")
        }
        return start..<min(size, end)
    }
}
