// What tests of a sender's files do with a gate: they send, rename, remove and release as a session and the settler do.
import Admission
import Foundation
import JSON
import Ledger
import LedgerSupport
import Staging
import Support
import TLS
import Testing

@testable import Intake

protocol SenderTests {
    /// Of all gates of one test.
    var clock: TestClock { get }
}

extension SenderTests {
    func gate(
        _ directory: TemporaryDirectory? = nil, settle: Duration = .seconds(5),
        disk: FailingDisk = FailingDisk(),
        change: (inout Intake.Configuration) -> Void = { _ in }
    ) throws -> Gate {
        try Gate(directory, clock: clock, disk: disk) { configuration in
            configuration.settle = settle
            configuration.temporaryNames = TemporaryNames(["*.tmp", "tmp"])
            change(&configuration)
        }
    }

    /// A new upload under a name.
    func order(_ path: String) throws -> SenderOrder {
        SenderOrder(
            path: try #require(DropPath(path)), exclusive: false, mustExist: false, fresh: true,
            appends: false, modified: nil)
    }

    /// Begins an upload and leaves it, as a session does whose process is killed.
    func begin(
        _ path: String, _ text: String, _ session: SenderSession, _ gate: Gate, isSealed: Bool = false
    ) throws -> String {
        let partial = try hold(path, text, session, gate)
        if isSealed { try partial.seal() }
        return partial.drop
    }

    /// Begins an upload that its session has, locked, for as long as what this returns is kept.
    func hold(_ path: String, _ text: String, _ session: SenderSession, _ gate: Gate) throws -> PartialFile {
        let opening = try gate.intake.open(order(path), session)
        let partial = try session.box.files.create(path, drop: opening.drop, modified: nil, now: clock.now)
        try Array(text.utf8).withUnsafeBytes { try partial.write($0, [0..<$0.count], at: 0) }
        return partial
    }

    /// Sends a file as a session does, up to the answer to CLOSE.
    @discardableResult
    func send(_ path: String, _ text: String, _ session: SenderSession, _ gate: Gate) async throws -> String {
        let opening = try gate.intake.open(order(path), session)
        let bytes = Array(text.utf8)
        if LargeAndSmall.isSmall, !gate.intake.temporaryNames.match(path) {
            let upload = FinishedUpload(
                dropID: opening.drop, account: "acme", path: path, bytes: Int64(bytes.count),
                sha256: SHA256.hash(data: bytes).hex, modified: nil, content: bytes)
            _ = try await gate.intake.commit(upload, attempt: Gate.transfer)
            session.delivers(upload, at: clock.now)
            return opening.drop
        }
        let partial = try session.box.files.create(path, drop: opening.drop, modified: nil, now: clock.now)
        try bytes.withUnsafeBytes { try partial.write($0, [0..<bytes.count], at: 0) }
        let sha256 = try partial.sha256(of: Int64(bytes.count))
        if gate.intake.temporaryNames.match(path) {
            try partial.keepWhole(size: Int64(bytes.count), sha256: sha256, modified: nil)
            await gate.intake.kept(
                opening.drop, bytes: Int64(bytes.count), isWhole: true, modified: nil, session)
            partial.release()
            return opening.drop
        }
        try partial.seal()
        let upload = FinishedUpload(
            dropID: opening.drop, account: "acme", path: path,
            bytes: Int64(bytes.count), sha256: sha256, modified: nil)
        _ = try await gate.intake.commit(upload, attempt: Gate.transfer)
        session.delivers(upload, at: clock.now)
        return opening.drop
    }

    func rename(
        _ from: String, _ to: String, _ session: SenderSession, _ gate: Gate, replaces: Bool = false
    ) async throws {
        try await gate.intake.rename(
            SenderRename(
                from: #require(DropPath(from)), to: #require(DropPath(to)), replaces: replaces, open: nil),
            attempt: Gate.transfer, session)
    }

    func remove(_ path: String, _ session: SenderSession, _ gate: Gate) async throws {
        try await gate.intake.remove(#require(DropPath(path)), open: nil, attempt: Gate.transfer, session)
    }

    func release(_ drops: [String], _ gate: Gate) async {
        await gate.intake.settle(drops, of: "acme")
        await gate.intake.waitUntilStaged()
    }

    func record(_ drop: String, _ gate: Gate) throws -> DropRecord? {
        try gate.intake.store.drop(id: drop)
    }

    func size(_ path: String, _ session: SenderSession, _ gate: Gate) throws -> Int64? {
        gate.intake.look(try #require(DropPath(path)), session)?.bytes
    }

    func quarantined(_ gate: Gate) -> [String] {
        gate.directory.files(under: "staging/quarantine/sftp/acme")
    }

    func reasons(_ gate: Gate) throws -> [String] {
        try gate.entries().compactMap { $0["reason"]?.string }
    }

    func released(_ path: String, _ session: SenderSession, _ gate: Gate) async throws -> String {
        let drop = try await send(path, "released", session, gate)
        clock.pass(.seconds(6))
        await release([drop], gate)
        #expect(gate.ready().contains("sftp/acme/\(path)"))
        return drop
    }

    /// Takes a released file out of `ready/`, as a session does before it changes its drop.
    func takeBack(
        _ path: String, _ drop: String, bytes: Int64, _ session: SenderSession, _ gate: Gate
    ) throws {
        #expect(
            try gate.intake.staging.ready.takeBack(
                "sftp/acme/\(path)", bytes: bytes, to: StagedFile(drop, in: session.box.files.claimed)))
    }

    /// Renames or withdraws a released drop up to the ledger. Its file stays where the session took it, as after a crash.
    /// - Parameter name: what it is called from now on; nil: it is withdrawn.
    func changeUpToTheLedger(
        _ path: String, _ drop: String, bytes: Int64, to name: String?, _ session: SenderSession, _ gate: Gate
    ) async throws {
        try takeBack(path, drop, bytes: bytes, session, gate)
        let claimed = StagingLayout.claimedFile(drop, of: "acme")
        let kind: DropChange.Kind =
            if let name {
                .renamed(name: name, readyPath: "sftp/acme/\(name)", incoming: claimed, due: clock.now)
            } else {
                .withdrawn(incoming: claimed)
            }
        #expect(try await gate.intake.make(DropChange(id: drop, from: .released, kind: kind), Gate.transfer))
    }

    /// A gate in the same directory, after the one before it has gone without a word.
    func restarted(_ directory: TemporaryDirectory) throws -> Gate { try gate(directory) }
}
