// Who did something, in words.
import JSON
import Ledger
import Testing

@Suite struct PersonWordsTests {
    @Test(
        arguments: [
            (["uid": 1001, "user": "alice"], "alice"), (["uid": 1001], "#1001"),
            (["uid": 0, "user": "root", "login_uid": 1001, "login_user": "alice"], "alice as root"),
            (["uid": 0, "user": "root", "login_uid": 1001], "#1001 as root"),
            (["uid": 1001, "user": "alice", "login_uid": 1001, "login_user": "alice"], "alice"),
            (["uid": 1001, "user": "alice", "comment": "CHG-1"], "alice (CHG-1)"),
            (["session": "s1", "address": "192.0.2.7", "comment": "why"], "session s1 at 192.0.2.7 (why)"),
            (["token": "ehr", "role": "consumer", "address": "192.0.2.7"], "token ehr at 192.0.2.7"),
        ] as [(JSONValue, String)])
    func aPersonIsNamed(_ detail: JSONValue, _ text: String) {
        #expect(PersonWords(detail)?.text == text)
    }

    @Test(arguments: [nil, [:], ["command": "serve"], ["comment": "of nobody"]] as [JSONValue?])
    func whatTheGateDoesByItselfHasNone(_ detail: JSONValue?) { #expect(PersonWords(detail) == nil) }
}
