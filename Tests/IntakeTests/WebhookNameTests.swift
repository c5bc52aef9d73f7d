// The file name of an event leads to its drop, by the drop's id in it or by its time.
import Admission
import Staging
import Testing

@testable import Intake

@Suite struct WebhookNameTests {
    private static let id = "01jdk2v8q3m5t7w9y1b3d5f7h9"

    private func path(_ eventID: String?, type: String?, envelope: String, isJSON: Bool = true) throws
        -> String
    {
        let event = WebhookEvent(
            path: "/", body: [], eventID: eventID, eventType: type, envelope: envelope, contentType: nil,
            looksLikeJSON: isJSON)
        let time = try #require(Instant(rfc3339: "2026-11-23T08:15:30.123456Z"))
        return WebhookName(event, dropID: Self.id).path(at: time)
    }

    @Test func aNameHasTimeTypeEventAndDrop() throws {
        let start = "webhook/2026-11-23/081530.123456Z-"
        #expect(
            try path("5c34979c-30dc", type: "visit.ended", envelope: "v2")
                == "\(start)visit.ended-5c34979c-\(Self.id).json")
        #expect(
            try path("x", type: "visit.ended", envelope: "unrecognised", isJSON: false)
                == "\(start)unrecognised-\(Self.id).bin")
        let odd = try path("--~..", type: "a-b/../c~2", envelope: "v1")
        #expect(odd == "\(start)a_b_.._c_2-___..-\(Self.id).json" && WebhookName.drop(in: odd) == Self.id)
    }

    @Test(arguments: [
        ("webhook/2026-11-23/081530.123456Z-visit.ended-5c34979c-\(id).json", id),
        ("/work/081530.123456Z-unrecognised-\(id).bin", id), ("081530.123456Z-x-\(id)~2.json", id),
        ("\(id).json", id), ("081530.123456Z-visit.ended-5c34979c.json", nil),
        ("081530.123456Z-2-events-7h9k2m.ndjson", nil), ("x-\(id.uppercased()).json", nil),
        ("x-\(id)0.json", nil),
        ("\(id)/labs.csv", nil), ("", nil), ("-", nil), ("/", nil),
    ])
    func theDropIsReadFromTheName(name: String, drop: String?) {
        #expect(WebhookName.drop(in: name) == drop)
    }

    @Test(arguments: [
        ("webhook/2026-11-23/081530.123456Z-visit.ended-5c34979c.json", "2026-11-23T08:15:30.123456Z"),
        ("webhook/2026-11-23/235959.000001Z-2-events-7h9k2m.ndjson", "2026-11-23T23:59:59.000001Z"),
        (
            "webhook/2026-11-23/235959.000001Z-events-01jdk2v8q3m5t7w9y1b3d5f7h9",
            "2026-11-23T23:59:59.000001Z"
        ),
        (
            "webhook/2026-11-23/235959.000001Z-events-01jdk2v8q3m5t7w9y1b3d5f7h9/235959.2Z-x.json",
            "2026-11-23T23:59:59.200000Z"
        ),
        ("webhook/2026-11-23/other/235959.2Z-x.json", nil),
        ("webhook/2026-11-23/x.json", nil),
        ("webhook/2026-11-23/081530.123456Z", "2026-11-23T08:15:30.123456Z"),
        ("webhook/081530.123456Z-x.json", nil), ("sftp/2026-11-23/081530.123456Z-x.json", nil),
        ("webhook/2026-11-23/0815é0.1Z-x", nil), ("webhook/2026-11-23/", nil), ("", nil),
    ])
    func theTimeIsReadFromThePath(path: String, time: String?) {
        #expect(WebhookName.time(in: path)?.description == time)
    }
}
