// What SQLite refuses, as people read it.
import GRDB
import Testing

@testable import Ledger

@Suite struct DatabaseTroubleTests {
    @Test(
        arguments: [
            (.SQLITE_FULL, "its filesystem is full; make room there"),
            (.SQLITE_BUSY, "another process holds it; end that one, or try again"),
            (.SQLITE_CORRUPT, "its file is damaged; keep it as evidence"),
            (.SQLITE_NOTADB, "its file is damaged; keep it as evidence"),
            (.SQLITE_CANTOPEN, "this user may not open it; run this as the gate's user"),
            (.SQLITE_READONLY, "it is read-only for this user; run this as the gate's user"),
            (.SQLITE_IOERR, "its disk failed; look into the system's log"),
            (
                .SQLITE_ERROR,
                "it has another form than this program knows (no such table: x); use the release"
            ),
            (.SQLITE_RANGE, "SQLite refuses it (no such table: x); report this"),
        ] as [(ResultCode, String)])
    func aRefusalIsASentenceAndTheNextStep(code: ResultCode, words: String) {
        let error = DatabaseError(resultCode: code, message: "no such\ntable: x", sql: "SELECT secret")
        let text = "\(LedgerError(.unreadable, "the ledger cannot be read", of: error))"
        #expect(text.hasPrefix("the ledger cannot be read: \(words)"), "\(text)")
        #expect(!text.contains("SELECT") && !text.contains("\n") && !text.contains("SQLite error"))
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
