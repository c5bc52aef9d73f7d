// Attempts: pages of them, one, and a stream of what comes (server-sent events; HTML Standard, 9.2).
import Admission
import HTTPTypes
import Hummingbird
import JSON
import Ledger
import Management
import NIOCore
import ServiceLifecycle

extension API {
    static let mostOfPage: Int64 = 500
    private static let usualOfPage: Int64 = 50

    func attempts(_ call: Call) throws -> Response {
        var parameters = call.parameters
        let query = try parameters.attempts()
        let limit = try parameters.number("limit", in: 1...Self.mostOfPage) ?? Self.usualOfPage
        let before = try parameters.number("before", in: QueryParameters.numbers)
        try parameters.end()
        let page = try services.attempts.page(query, before: before, limit: Int(limit))
        var json = CanonicalJSON(capacity: 1024 * (page.entries.count + 1))
        json.openObject()
        json.key("items")
        json.openArray()
        for entry in page.entries { json.canonical(entry.json[...]) }
        json.closeArray()
        json.member("next", page.next)
        json.closeObject()
        json.endLine()
        return Self.json(json.bytes, for: call.request)
    }

    func attempt(_ text: String, _ call: Call) throws -> Response {
        try call.parameters.end()
        guard let seq = Int64(text), seq >= 0, "\(seq)" == text, let entry = try services.attempts.entry(seq)
        else {
            throw Problem(.notFound, "not_found", "there is no entry of this number, or none any more")
        }
        return Self.json(entry.json + [0x0A], for: call.request)
    }

    func attemptStream(_ call: Call) async throws -> Response {
        var parameters = call.parameters
        let query = try parameters.attempts()
        let after = try parameters.number("after", in: QueryParameters.numbers)
        try parameters.end()
        // A browser that connects again says what it has seen (9.2.4); that is newer than what its address says.
        let seen = try Self.lastEvent(call.request.headers[values: .lastEventID])
        let head = try services.attempts.last()
        let begin = min(seen ?? after ?? head, head)
        let stream = AttemptStream(
            pages: services.attempts.pages(query, above: begin),
            mayGoOn: { [credentials, fields = call.request.headers] in credentials.may(.readAttempts, fields)
            })
        guard call.request.method != .head else { return Self.eventStream(ResponseBody()) }
        guard streams.take() else {
            var problem = Problem(
                .serviceUnavailable, "too_many_streams", "\(StreamPlaces.most) streams are open already")
            problem.headers[.retryAfter] = "30"
            throw problem
        }
        do {
            // Before anything leaves.
            _ = try await services.authority.recordAccess(
                ["command": "attempts stream", "after": .int(begin)], by: try call.attribution())
        } catch {
            streams.giveBack()
            throw error
        }
        return Self.eventStream(stream.body { [streams] in streams.giveBack() })
    }

    private static func lastEvent(_ values: [String]) throws(Problem) -> Int64? {
        guard let text = values.first else { return nil }
        guard values.count == 1, let seq = Int64(text), QueryParameters.numbers.contains(seq),
            "\(seq)" == text
        else {
            throw .badParameter("Last-Event-ID", "it is the number of an entry")
        }
        return seq
    }

    private static func eventStream(_ body: ResponseBody) -> Response {
        Response(status: .ok, headers: [.contentType: "text/event-stream"], body: body)
    }
}

/// Entries as they come, each an event with its number as id.
private struct AttemptStream: Sendable {
    /// Bytes of events that are sent at once.
    private static let piece = 1 << 20
    private static let lookEvery = Duration.milliseconds(250)
    /// A line that says nothing, so that whoever stands between does not take the connection for dead.
    private static let sayEvery = Duration.seconds(15)
    /// How often it is asked whether the caller may still see it.
    private static let askEvery = Duration.seconds(1)

    let pages: AttemptPages
    let mayGoOn: @Sendable () -> Bool

    /// Until the gate stops, the caller leaves or may not see it any more.
    /// - Parameter end: called once, when it has ended.
    func body(end: @escaping @Sendable () -> Void) -> ResponseBody {
        ResponseBody { writer in
            defer { end() }
            var pages = pages
            var (asked, said) = (ContinuousClock.now, ContinuousClock.now)
            // Headers go with the first bytes.
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            while !Task.isCancelled, !Task.isShuttingDownGracefully {
                if asked.duration(to: .now) >= Self.askEvery {
                    guard mayGoOn() else { break }
                    asked = .now
                }
                let events = try Self.events(&pages)
                if events.readableBytes > 0 {
                    try await writer.write(events)
                    said = .now
                    continue
                }
                if said.duration(to: .now) >= Self.sayEvery {
                    try await writer.write(ByteBuffer(string: ": nothing new\n\n"))
                    said = .now
                }
                try await Task.sleep(for: Self.lookEvery)
            }
            try await writer.finish(nil)
        }
    }

    /// What has come, as far as one piece takes it.
    private static func events(_ pages: inout AttemptPages) throws -> ByteBuffer {
        var events = ByteBuffer()
        try pages.read { page in
            for entry in page {
                events.writeString("event: attempt\nid: \(entry.seq)\ndata: ")
                events.writeBytes(entry.json)
                events.writeString("\n\n")
            }
            return events.readableBytes < piece
        }
        return events
    }
}

extension HTTPField.Name {
    fileprivate static var lastEventID: Self { Self("last-event-id")! }
}
