// Entries for the tests of the export formats: one of each kind, and such as outsiders would like to write.
import Admission
import Audit
import JSON
import Ledger
import Testing

enum FormatSamples {
    static let time = Instant(microseconds: 1_795_421_730_123_456)
    static let timeText = "2026-11-23T08:15:30.123456Z"

    static func stored(_ json: [UInt8], seq: Int64 = 42) -> StoredEntry {
        StoredEntry(seq: seq, time: time, json: json)
    }

    static func entry(_ attempt: Attempt, seq: Int64 = 42, node: String = "gate-1") -> StoredEntry {
        stored(EntryBytes(attempt, seq: seq, time: time, node: node).json, seq: seq)
    }

    static func record(_ format: EntryFormat, _ entry: StoredEntry) throws -> String {
        String(decoding: try format.message(entry), as: UTF8.self)
    }

    static func document(_ format: EntryFormat, _ entry: StoredEntry) throws -> JSONValue {
        try JSONValue(parsing: format.message(entry))
    }

    static func refused() throws -> Attempt {
        var attempt = Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
        attempt.source = Endpoint(ip: try IPAddress("192.0.2.1"), port: 4000)
        attempt.addressMode = .direct
        attempt.policy = "sha256:abc"
        attempt.count = 7
        attempt.first = time
        attempt.last = time + .seconds(1)
        return attempt
    }

    static func request() throws -> Attempt {
        var attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        attempt.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 40112)
        attempt.peer = Endpoint(ip: try IPAddress("10.0.0.5"), port: 1)
        attempt.entries = ["vsee-qatar/clinic", "vsee-qatar/messenger"]
        attempt.request = RequestFacts(id: "r-1", method: "POST", path: "/webhooks/vsee", status: 200)
        attempt.drop = DropFacts(
            id: "01k", name: "webhook/2026-11-23/081530.123456Z-visit.ended.json", bytes: 512,
            sha256: String(repeating: "ab", count: 32), eventID: "e-1", eventType: "visit.ended")
        return attempt
    }

    static func login() throws -> Attempt {
        var attempt = Attempt(kind: .login, channel: .sftp, verdict: .accepted, reason: .listed)
        attempt.source = Endpoint(ip: try IPAddress("2001:db8::5"), port: 50000)
        attempt.account = "vsee"
        attempt.credential = "SHA256:key"
        attempt.detail["method"] = "publickey"
        return attempt
    }

    static func transfer() throws -> Attempt {
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .rejected, reason: .incomplete)
        attempt.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 40112)
        attempt.account = "vsee"
        attempt.credential = "SHA256:key"
        attempt.drop = DropFacts(id: "01k", name: "encounters/a.xml", bytes: 10, sha256: nil)
        return attempt
    }

    static func access() -> Attempt {
        var attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .exported)
        attempt.detail = ["command": "attempts", "query": "--verdict rejected", "user": "ops", "uid": 1001]
        return attempt
    }

    /// Text that breaks formats which do not escape it.
    static func hostile() throws -> Attempt {
        var attempt = try login()
        attempt.account = "a=b|c\\d]e\"f\r\n<13>1 g\u{2028}\u{7F}ü"
        return attempt
    }

    static func all() throws -> [Attempt] {
        var started = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
        started.detail["version"] = "0.1.0"
        var changed = Attempt(kind: .policy, channel: nil, verdict: .rejected, reason: .malformed)
        changed.policy = "sha256:abc"
        return [
            try refused(), try request(), try login(), try transfer(), access(), started, changed,
            Attempt(kind: .probe, channel: .webhook, verdict: .observed, reason: .entryExpired),
            Attempt(kind: .request, channel: .webhook, verdict: .rejected, reason: .stagingFull),
        ]
    }

    /// Members of types and names that this program never writes.
    static let strange = [
        #"{}"#, #"{"kind":"future","new":{"a":[1,true]},"seq":42,"verdict":"undecided"}"#,
        #"{"account":7,"count":"x","detail":"text","drop":[],"entries":{},"kind":1,"request":3,"source":"s"}"#,
        #"{"drop":{"bytes":"many","name":"","sha256":1},"first":"never","kind":"transfer"}"#,
        #"{"kind":"request","request":{"method":1,"new":2,"path":2,"status":"ok"},"verdict":"accepted"}"#,
    ]
}
