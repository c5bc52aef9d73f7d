// What the table of attempts says of refusals.
import Admission
import Commands
import JSON
import Ledger
import Testing

@Suite struct AttemptRowTests {
    private func row(
        _ kind: EntryKind, _ reason: Reason, from ip: String? = "198.51.100.7",
        _ change: (inout Attempt) -> Void = { _ in }
    ) throws -> String {
        var attempt = Attempt(kind: kind, channel: .webhook, verdict: .rejected, reason: reason)
        attempt.source = try ip.map { Endpoint(ip: try IPAddress($0), port: 4000) }
        attempt.peer = attempt.source
        change(&attempt)
        let entry = EntryBytes(attempt, seq: 1, time: .now(), node: "t")
        return AttemptRow(try JSONValue(parsing: entry.json)).line
    }

    @Test func whoRanACommandIsSaidWithTheComment() throws {
        let row = try row(.policy, .changed, from: nil) {
            $0.detail = [
                "command": "source add", "uid": 998, "user": "dropgate", "login_uid": 1001,
                "login_user": "alice",
                "diff": ["+ vsee/lab 192.0.2.1/32"], "comment": "CHG-1",
            ]
        }
        #expect(row.contains("source add by alice as dropgate + vsee/lab 192.0.2.1/32 (CHG-1)"), "\(row)")
    }

    @Test(arguments: ["10.1.2.3", "192.168.0.1", "100.64.0.9", "fd00::1", "127.0.0.1"])
    func aPrivateAddressInPlaceOfACallerIsSaid(ip: String) throws {
        #expect(
            try row(.connection, .notListed, from: ip).contains("(a private address: a NAT or balancer may"))
        #expect(try !row(.connection, .tlsFailed, from: ip).contains("private"), "it was let in")
    }

    @Test func aPublicAddressIsACallers() throws {
        #expect(try !row(.connection, .notListed).contains("private"))
    }

    @Test func theProxyIsSaidWhereItIsNotTheSource() throws {
        let peer = Endpoint(ip: try IPAddress("192.0.2.5"), port: 1)
        #expect(try row(.request, .notListed) { $0.peer = peer }.contains("(by way of 192.0.2.5)"))
        #expect(try !row(.request, .notListed).contains("by way of"))
        let unknown = try row(.connection, .badProxyHeader, from: nil) { $0.peer = peer }
        #expect(unknown.contains("(the other end is 192.0.2.5)"))
    }

    @Test(arguments: [
        (Int64(45), "certificate_expired"), (48, "unknown_ca"), (46, "certificate_unknown"),
        (42, "bad_certificate"),
        (77, "77"),
    ])
    func theSendersAlertIsSaidByName(number: Int64, name: String) throws {
        let text = try row(.connection, .tlsFailed) {
            $0.detail = [
                "alert": .int(number), "error": "x",
                "hint": "the caller does not trust the gate's certificate",
            ]
        }
        #expect(text.contains("(the sender's TLS alert: \(name))"), "\(text)")
        #expect(text.contains("(the caller does not trust the gate's certificate)"))
    }

    @Test func anExpiredEntryIsNamedWithItsEnd() throws {
        let text = try row(.connection, .entryExpired) {
            $0.entries = ["vsee/clinic"]
            $0.detail["trace"] = [
                "peer",
                "expired entry vsee/clinic 198.51.100.0/24 stopped matching at 2026-11-01T00:00:00.000000Z",
            ]
        }
        #expect(text.contains("(vsee/clinic expired at 2026-11-01T00:00:00.000000Z)"))
    }

    @Test func anEntryForAnotherChannelIsNamed() throws {
        #expect(
            try row(.connection, .wrongChannel) { $0.entries = ["vsee/sftp"] }.contains(
                "(vsee/sftp is not for webhook)"))
    }

    @Test func aLoginHasItsAccountAndMethods() throws {
        let text = try row(.login, .authFailed) {
            $0.account = "vsee"
            $0.credential = "SHA256:abc"
            $0.detail["methods"] = ["password", "publickey"]
        }
        #expect(text.contains("account vsee by password, publickey SHA256:abc"), "\(text)")
    }

    @Test func whatTheGatesMachineDidItselfIsSaid() throws {
        let own = try row(.probe, .notListed, from: "192.0.2.1") {
            $0.detail = ["own": true, "kind": "connection"]
        }
        #expect(own.contains("(this machine's own check)"))
    }

    @Test func columnsStayAsTheyAre() throws {
        let line = try row(.connection, .notListed)
        #expect(line.contains("not_listed              webhook  connection  198.51.100.7"))
    }
}
