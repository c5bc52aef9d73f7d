// What comes, as server-sent events (HTML Standard, 9.2): each has a number, and who connects again goes on behind the last one.
import HTTPTypes
import Hummingbird
import JSON
import Management
import NIOCore
import ServiceLifecycle

struct EventStream: Sendable {
    static let contentType = "text/event-stream"
    /// Bytes of events that are sent at once, about.
    static let piece = 1 << 20
    private static let lookEvery = Duration.milliseconds(250)
    /// A line that says nothing, so that whoever stands between does not take the connection for dead.
    private static let sayEvery = Duration.seconds(15)
    /// How often it is asked whether the caller may still see it.
    private static let askEvery = Duration.seconds(1)

    /// Events that are there and were not given before; empty: none. Called by one task at a time.
    let next: @Sendable () throws -> ByteBuffer
    let mayGoOn: @Sendable () -> Bool

    /// To whoever asks for its head alone, who gets no place and reads nothing.
    static var head: Response { answer(.notSent) }

    /// - Parameter place: kept as long as it lasts.
    func response(_ place: StreamPlaces.Place) -> Response { Self.answer(body(place)) }

    private static func answer(_ body: ResponseBody) -> Response {
        Response(status: .ok, headers: [.contentType: contentType], body: body)
    }

    /// Until the gate stops, the caller leaves or may not see it any more.
    private func body(_ place: StreamPlaces.Place) -> ResponseBody {
        ResponseBody { writer in
            defer { withExtendedLifetime(place) {} }
            var (asked, said) = (ContinuousClock.now, ContinuousClock.now)
            // Headers go with the first bytes.
            try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
            while !Task.isCancelled, !Task.isShuttingDownGracefully, !place.isTaken {
                if asked.duration(to: .now) >= Self.askEvery {
                    guard mayGoOn() else { break }
                    asked = .now
                }
                let events = try next()
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
}

extension ResponseBody {
    /// Of an answer to HEAD: nothing. An answer has a content-length then only where its header fields have that of the answer to GET
    /// (RFC 9110, 8.6).
    static var notSent: ResponseBody { ResponseBody { writer in try await writer.finish(nil) } }
}

extension ByteBuffer {
    /// - Parameter data: JSON, which has no line end in it.
    mutating func writeEvent(_ name: StaticString, id: String, _ data: [UInt8]) {
        writeString("event: \(name)\nid: \(id)\ndata: ")
        writeBytes(data)
        writeString("\n\n")
    }
}

extension API {
    /// Where a stream is to begin: behind what a caller that connects again has seen (9.2.4), which is newer than what its address says,
    /// or behind `after`; nil: it says neither. And which of the two said it.
    static func begin(
        _ call: Call, _ last: Parameter, _ after: Parameter
    ) throws -> (parameter: Parameter, text: String)? {
        let seen = call.request.headers[values: .lastEventID]
        guard !seen.isEmpty else { return try call.parameters.text(after).map { (after, $0) } }
        guard seen.count == 1 else { throw Problem.badParameter(last, "send one") }
        return (last, seen[0])
    }

    /// The number of an entry behind which a stream is to begin.
    static func begin(_ call: Call) throws -> Int64? {
        guard let (parameter, text) = try begin(call, .lastEvent, .after) else { return nil }
        guard parameter.place == .header else { return try call.parameters.number(.after) }
        guard let seq = Parameters.number(text, in: Parameter.numbers) else {
            throw Problem.badParameter(parameter, "it is the number of an entry")
        }
        return seq
    }

    /// - Parameters:
    ///   - permission: what the caller must have, as long as it lasts.
    ///   - record: writes down that something leaves, before it does.
    ///   - next: as of `EventStream`.
    func stream(
        _ permission: Permission, _ call: Call, record: () async throws -> Void,
        next: @escaping @Sendable () throws -> ByteBuffer
    ) async throws -> Response {
        guard call.request.method != .head else { return EventStream.head }
        guard let place = streams.place(for: call.caller?.name ?? "") else {
            var problem = Problem(
                .serviceUnavailable, "too_many_streams",
                "\(StreamPlaces.most) streams are open, or \(StreamPlaces.mostOfOne) of this token; close one"
            )
            problem.headers[.retryAfter] = "30"
            throw problem
        }
        if let caller = call.caller { try entries.count(caller) }
        try await record()
        let stream = EventStream(
            next: next,
            mayGoOn: { [credentials, fields = call.request.headers, age = call.age] in
                age?.isOver != true && credentials.may(permission, fields)
            })
        return stream.response(place)
    }
}

extension HTTPField.Name {
    static var lastEventID: Self { Self("last-event-id")! }
}
