// Elastic Common Schema: fields by their names, categories by the allowed values.
import Audit
import JSON
import Ledger
import Testing

@Suite struct ECSFormatTests {
    @Test func aStoredWebhookFillsTheFields() throws {
        let document = try FormatSamples.document(.ecs, FormatSamples.entry(FormatSamples.request()))
        #expect(document["@timestamp"]?.string == FormatSamples.timeText)
        #expect(document["ecs"]?["version"] == "8.17.0")
        #expect(
            document["event"] == [
                "kind": "event", "module": "dropgate", "dataset": "dropgate.ledger",
                "category": ["network", "web"], "type": ["access", "allowed"], "action": "request-accepted",
                "outcome": "success", "reason": "listed", "id": "gate-1/42", "sequence": 42, "severity": 0,
            ])
        #expect(document["source"] == ["address": "20.21.208.105", "ip": "20.21.208.105", "port": 40112])
        #expect(document["http"]?["response"]?["status_code"] == 200)
        #expect(document["url"] == ["path": "/webhooks/vsee"])
        #expect(document["file"]?["name"] == "081530.123456Z-visit.ended.json")
        #expect(document["file"]?["size"] == 512 && document["file"]?["hash"]?["sha256"]?.string?.count == 64)
        #expect(document["related"]?["ip"] == ["20.21.208.105", "10.0.0.5"])
        #expect(
            document["dropgate"]?["drop"] == ["id": "01k", "event_id": "e-1", "event_type": "visit.ended"])
        #expect(document["dropgate"]?["peer"]?["ip"] == "10.0.0.5")
        #expect(document["dropgate"]?["request"] == nil)
    }

    @Test(
        arguments: [
            (0, ["network"], ["connection", "denied"], "failure"),
            (2, ["authentication"], ["start"], "success"),
            (3, ["file", "network"], ["info", "denied"], "failure"),
            (4, ["database"], ["access"], "success"), (5, ["process"], ["start"], "success"),
            (6, ["configuration"], ["info"], "failure"),
            (7, ["network"], ["connection", "allowed"], "success"),
        ] as [(Int, [String], [String], String)])
    func kindsHaveTheirCategories(sample: Int, category: [String], type: [String], outcome: String) throws {
        let event = try FormatSamples.document(.ecs, FormatSamples.entry(FormatSamples.all()[sample]))[
            "event"]
        #expect(event?["category"]?.array?.compactMap(\.string) == category)
        #expect(event?["type"]?.array?.compactMap(\.string) == type)
        #expect(event?["outcome"]?.string == outcome)
    }

    @Test func countedRefusalsHaveStartAndEnd() throws {
        let document = try FormatSamples.document(.ecs, FormatSamples.entry(FormatSamples.refused()))
        #expect(document["event"]?["start"]?.string == FormatSamples.timeText)
        #expect(document["event"]?["end"] != nil && document["dropgate"]?["count"] == 7)
    }
}
