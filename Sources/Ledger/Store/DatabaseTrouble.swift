// What SQLite refuses, as a sentence and what to do about it. Its own words name statements and codes: nobody acts on those.
import GRDB

struct DatabaseTrouble {
    /// For after "the ledger cannot be …: ".
    let what: String
    /// What to do about it; nil for another error than SQLite's, of which `what` has that error's own words.
    let fix: String?
    /// As of `LedgerError`.
    let mayPass: Bool

    init(_ error: any Error) {
        if let error = error as? DatabaseError {
            (what, fix) = Self.words(error.resultCode, error.message)
            mayPass = Self.passing.contains(error.resultCode)
        } else {
            (what, fix, mayPass) = ("\(error)", nil, false)
        }
    }

    private static let passing: [ResultCode] = [
        .SQLITE_FULL, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_IOERR, .SQLITE_NOMEM,
    ]

    /// - Parameter code: a primary one (https://sqlite.org/rescode.html).
    private static func words(_ code: ResultCode, _ message: String?) -> (String, String) {
        switch code {
        case .SQLITE_FULL: ("its filesystem is full", "make room there")
        case .SQLITE_BUSY, .SQLITE_LOCKED: ("another process holds it", "end that one, or try again")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            (
                "its file is damaged",
                "keep it as evidence, run `dropgate ledger verify`, and put a whole copy back"
            )
        case .SQLITE_READONLY:
            (
                "it is read-only for this user",
                "run this as the gate's user, or see how its filesystem is mounted"
            )
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
            (
                "this user may not open it",
                "run this as the gate's user, who owns the file and its directory"
            )
        case .SQLITE_IOERR:
            ("its disk failed", "look into the system's log (`dmesg`), and see to the disk")
        case .SQLITE_NOMEM: ("there is no memory left", "give this machine or this service more")
        case .SQLITE_TOOBIG:
            ("an entry is larger than SQLite takes", "report this with what was received")
        case .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT:
            (
                "it has another form than this program knows\(inParentheses(message))",
                "use the release that wrote it, or report this"
            )
        default: ("SQLite refuses it\(inParentheses(message))", "report this")
        }
    }

    /// On one line.
    private static func inParentheses(_ message: String?) -> String {
        guard let message else { return "" }
        return " (\(message.split(whereSeparator: \.isNewline).joined(separator: " ")))"
    }
}

extension LedgerError {
    /// - Parameters:
    ///   - what: "the ledger cannot be …".
    ///   - error: why, best of SQLite.
    init(_ code: Code, _ what: String, of error: any Error) {
        let trouble = DatabaseTrouble(error)
        self.init(code, "\(what): \(trouble.what)", fix: trouble.fix, mayPass: trouble.mayPass)
    }
}
