// OCSF: the class of each kind, and the attributes that the schema requires.
import Audit
import JSON
import Ledger
import Testing

@Suite struct OCSFFormatTests {
    private func event(_ attempt: Attempt) throws -> JSONValue {
        try FormatSamples.document(.ocsf, FormatSamples.entry(attempt))
    }

    @Test(
        arguments: [
            (0, 4001, 5, 2), (1, 4002, 6, 1), (2, 3002, 1, 1), (3, 6006, 1, 2), (4, 6005, 1, 1),
            (5, 6002, 3, 1), (6, 3004, 3, 2), (7, 4001, 1, 1), (8, 4002, 0, 2),
        ] as [(Int, Int64, Int64, Int64)])
    func kindsHaveTheirClasses(sample: Int, uid: Int64, activity: Int64, disposition: Int64) throws {
        let event = try event(FormatSamples.all()[sample])
        #expect(event["class_uid"]?.int == uid && event["activity_id"]?.int == activity)
        #expect(event["category_uid"]?.int == uid / 1000)
        #expect(event["type_uid"]?.int == uid * 100 + activity)
        #expect(event["disposition_id"]?.int == disposition)
        #expect(event["metadata"]?["profiles"] == ["security_control"])
        #expect(event["time"]?.int == 1_795_421_730_123)
        #expect(event["metadata"]?["sequence"] == 42 && event["metadata"]?["uid"] == "gate-1/42")
        #expect(event["metadata"]?["version"] == "1.4.0")
        #expect(event["metadata"]?["product"]?["vendor_name"] == "Dropgate")
    }

    @Test func aStoredWebhookHasRequestAnswerAndFile() throws {
        let event = try event(FormatSamples.request())
        #expect(event["http_request"]?["url"]?["path"] == "/webhooks/vsee")
        #expect(event["http_response"]?["code"] == 200)
        #expect(event["file"]?["size"] == 512 && event["file"]?["type_id"] == 1)
        #expect(event["file"]?["hashes"]?.array?.first?["algorithm_id"] == 3)
        #expect(event["src_endpoint"] == ["ip": "20.21.208.105", "port": 40112])
        #expect(event["severity_id"] == 1 && event["status_id"] == 1)
        #expect(event["unmapped"]?["drop"] == ["event_id": "e-1", "event_type": "visit.ended"])
    }

    @Test func peopleAreNamed() throws {
        #expect(
            try event(FormatSamples.login())["user"] == ["name": "vsee", "credential_uid": "SHA256:key"])
        #expect(try event(FormatSamples.transfer())["actor"]?["user"]?["name"] == "vsee")
        let access = try event(FormatSamples.access())
        #expect(access["actor"]?["user"] == ["name": "ops", "uid": "1001"])
        #expect(access["query_info"]?["query_string"] == "--verdict rejected")
    }

    @Test func severityFollowsTheVerdict() throws {
        #expect(
            try FormatSamples.all().map { try event($0)["severity_id"]?.int } == [3, 1, 1, 3, 1, 1, 4, 2, 4])
    }
}
