// What SQLite refuses, as people read it, and what its file refuses.
import Admission
import Foundation
import GRDB
import Support
import Testing

@testable import Ledger

@Suite struct DatabaseTroubleTests {
    @Test(
        arguments: [
            (.SQLITE_FULL, "its filesystem is full; make room there"),
            (.SQLITE_BUSY, "another process holds it; stop that process, or try again"),
            (.SQLITE_CORRUPT, "its file is damaged; keep it as evidence"),
            (.SQLITE_NOTADB, "its file is damaged; keep it as evidence"),
            (.SQLITE_CANTOPEN, "this user may not open it; run this as the gate's user"),
            (.SQLITE_READONLY, "it is read-only for this user; run this as the gate's user"),
            (.SQLITE_IOERR, "its disk failed; check the system's log"),
            (
                .SQLITE_ERROR,
                "it has a form that this program does not know (no such table: x); use the release"
            ),
            (.SQLITE_RANGE, "SQLite refuses it (no such table: x); report this"),
        ] as [(ResultCode, String)])
    func aRefusalIsASentenceAndTheNextStep(code: ResultCode, words: String) {
        let error = DatabaseError(resultCode: code, message: "no such\ntable: x", sql: "SELECT secret")
        let text = "\(LedgerError(.unreadable, "the ledger cannot be read", of: error))"
        #expect(text.hasPrefix("the ledger cannot be read: \(words)"), "\(text)")
        #expect(!text.contains("SELECT") && !text.contains("\n") && !text.contains("SQLite error"))
    }

    /// As with blocks that a disk cannot give back: of a mapped file that is a SIGBUS, and ends the process.
    @Test func aFileThatEndsWhileItIsReadIsAnError() throws {
        let directory = try TemporaryDirectory("trouble")
        let ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        do {
            let store = try ledger.open(node: "t")
            let attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)
            _ = try store.commit(Array(repeating: .append(attempt, drop: nil), count: 5000), now: .now())
        }
        let reader = try #require(try ledger.reader() as? SQLiteLedgerReader)
        var read: [Int64] = []
        let error = #expect(throws: LedgerError.self) {
            try reader.forEachReadable(0..<5000) { seq, _, _ in
                if seq == 0 { #expect(truncate(directory.file("ledger.sqlite"), 1 << 14) == 0) }
                read.append(seq)
                return true
            }
        }
        #expect(error?.code == .unreadable)
        #expect(!read.isEmpty && read.count < 5000)
        #expect(throws: LedgerError.self) { try reader.entry(seq: 4000) }
        #expect(throws: LedgerError.self) { try ledger.verifier(trusted: []).verify() }
    }

    @Test(
        arguments: [
            (.SQLITE_BUSY, true), (.SQLITE_FULL, true), (.SQLITE_IOERR, true), (.SQLITE_CORRUPT, false),
            (.SQLITE_NOTADB, false), (.SQLITE_ERROR, false),
        ] as [(ResultCode, Bool)])
    func onlyWhatMayPassByItselfIsWorthTryingAgain(code: ResultCode, mayPass: Bool) {
        let error = DatabaseError(resultCode: code)
        #expect(LedgerError(.unreadable, "the ledger cannot be read", of: error).mayPass == mayPass)
    }
}
