// Drops: pages of them, one, what it holds, and what a consumer or an operator does with it.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Ledger
import Management
import NIOCore
import ServiceLifecycle
import Settings
import Staging
import Synchronization

extension API {
    func drops(_ call: Call) throws -> Response {
        let limit = try call.parameters.number(.dropLimit) ?? 1
        let page = try services.drops.page(
            states: call.parameters.words(.state, DropState.init(word:)),
            before: call.parameters.number(.before), limit: Int(limit))
        return try answer(page, to: call)
    }

    func dropsAt(_ call: Call) throws -> Response {
        let limit = try call.parameters.number(.dropLimit) ?? 1
        let page = try services.drops.drops(
            at: call.parameters.text(.path) ?? "", after: call.parameters.number(.after), limit: Int(limit))
        return try answer(page, to: call)
    }

    private func answer(_ page: DropService.Page, to call: Call) throws -> Response {
        var members: [String: JSONValue] = ["items": .array(try page.drops.map(json))]
        members["next"] = page.next.map { .int($0) }
        return Self.json(.object(members), for: call.request)
    }

    func dropStream(_ call: Call) async throws -> Response {
        let begin = try Self.dropPosition(call)
        let drops = Mutex(try services.drops.stream(after: begin))
        return try await stream(.readDrops, call) { [intake] in
            try await intake.record(
                AccessRecord.reading(
                    "drops stream", ["after": .string("\(begin ?? .beginning)")], by: call.attribution()))
        } next: {
            try drops.withLock { drops in
                var events = ByteBuffer()
                // Drops that were taken meanwhile are passed over.
                var seen: StreamPosition
                repeat {
                    seen = drops.position
                    for (drop, position) in try drops.next() {
                        events.writeEvent(
                            "drop", id: "\(position)", CanonicalJSON.encode(try json(drop)))
                    }
                } while events.readableBytes == 0 && drops.position != seen
                return events
            }
        }
    }

    private static func dropPosition(_ call: Call) throws -> StreamPosition? {
        guard let (parameter, text) = try begin(call, .lastDrop, .afterDrop) else { return nil }
        guard let position = StreamPosition(text) else {
            throw Problem.badParameter(
                parameter, "give the id of an event of this stream, or the seq of a drop")
        }
        return position
    }

    func drop(_ call: Call) throws -> Response {
        Self.json(try json(services.drop(call.parameters)), for: call.request)
    }

    /// As `dropgate drops show` tells it.
    private func json(_ view: DropView) throws -> JSONValue {
        try view.json(staging: services.settings.staging.path)
    }

    // MARK: Content

    func content(_ call: Call) async throws -> Response {
        let content: DropContent
        do {
            content = try services.drops.content(of: try services.dropID(call.parameters))
        } catch let error as NoContent {
            throw Problem(error)
        }
        var headers: HTTPFields = [
            .contentType: "application/octet-stream", .contentDisposition: "attachment",
            .contentLength: "\(content.size)",
        ]
        if let sha256 = content.drop.receipt.sha256 { headers[.eTag] = "\"\(sha256)\"" }
        guard call.request.method != .head else {
            return Response(status: .ok, headers: headers, body: .notSent)
        }
        // What VSee sends has what is left of the disk.
        if let full = intake.checkSpace() { throw Problem.noSpace(full) }
        // Before anything leaves.
        try await intake.record(
            AccessRecord.reading(
                "drops content",
                [
                    "drop": .string(content.drop.receipt.drop), "file": .string(content.drop.receipt.file),
                    "bytes": .int(content.size),
                ], by: call.attribution()))
        return Response(status: .ok, headers: headers, body: content.body)
    }

    // MARK: Changes

    func acknowledge(_ call: Call) async throws -> Response {
        let (id, changes) = try await changes(of: call)
        _ = try await changes.acknowledge(id)
        return Self.json(["id": .string(id), "state": "acknowledged"], for: call.request)
    }

    func withdraw(_ call: Call) async throws -> Response {
        let (id, changes) = try await changes(of: call)
        let (_, drop) = try await changes.withdraw(id)
        return Self.json(["id": .string(id), "outcome": .string(drop.rawValue)], for: call.request)
    }

    func release(_ call: Call) async throws -> Response {
        let (id, changes) = try await changes(of: call)
        let (_, event) = try await changes.release(id)
        var members: [String: JSONValue] = ["id": .string(id), "status": .string(event.status.rawValue)]
        members["name"] = event.name.map { .string($0) }
        return Self.json(.object(members), for: call.request)
    }

    /// The drop that is to be changed, which there is, and what changes it in the caller's name.
    private func changes(of call: Call) async throws -> (id: String, DropChanges) {
        let id = try services.dropID(call.parameters)
        let changes = services.drops.changes(
            by: try await attribution(call), authority: services.authority)
        guard try services.drops.isKnown(id) else { throw Problem.unknownDrop }
        return (id, changes)
    }
}

extension Problem {
    fileprivate static func noSpace(_ full: IntakeError) -> Problem {
        var problem = Problem(
            .serviceUnavailable, "no_space",
            "this would be recorded, and the gate has less space than it keeps back; try again once its operator has made room"
        )
        problem.headers[.retryAfter] = full.retryAfter.map { "\($0)" }
        return problem
    }

    static let unknownDrop = Problem(.notFound, "not_found", "there is no drop of this id")

    init(_ reason: NoContent) {
        switch reason {
        case .unknown: self = .unknownDrop
        case .notReleased:
            self.init(.conflict, "not_released", "the drop is not released yet; ask again later")
        case .gone(let state):
            self.init(.gone, "gone", "the drop's file is not in ready/ any more: the drop is \(state)")
        case .altered:
            self.init(
                .conflict, "altered",
                "the drop's file is not what the ledger says; `dropgate drops verify` looks at all of them")
        }
    }
}

extension DropContent {
    private static let piece = 256 << 10

    /// What a consumer takes away meanwhile is given to its end: the file is open.
    fileprivate var body: ResponseBody {
        switch source {
        case .bytes(let bytes): return ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        case .file(let file):
            // Its length is in the header fields.
            return ResponseBody { writer in
                var offset: Int64 = 0
                while offset < size {
                    // Who reads slowly does not hold up the gate's stop.
                    guard !Task.isShuttingDownGracefully else { throw CancellationError() }
                    var buffer = ByteBufferAllocator().buffer(capacity: Self.piece)
                    let most = Int(min(Int64(Self.piece), size - offset))
                    let count = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: most) {
                        try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<most]), at: offset)
                    }
                    // It was cut meanwhile: the caller sees an answer that ends too soon.
                    guard count > 0 else { throw ShortFile() }
                    offset += Int64(count)
                    try await writer.write(buffer)
                }
                try await writer.finish(nil)
            }
        }
    }

    private struct ShortFile: Error {}
}
