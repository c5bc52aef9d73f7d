// Attempts: pages of them, one, and a stream of what comes.
import Audit
import HTTPTypes
import Hummingbird
import JSON
import Ledger
import Logging
import Management
import NIOCore
import ServiceLifecycle
import Synchronization

extension API {
    func attempts(_ call: Call) throws -> Response {
        let limit = try call.parameters.number(.attemptLimit) ?? 1
        let page = try services.attempts().page(
            call.parameters.attempts(), before: call.parameters.number(.before), limit: Int(limit))
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

    /// Byte for byte as it is stored and hashed.
    func attempt(_ call: Call) throws -> Response {
        Self.json(try entry(call).json, for: call.request)
    }

    /// The entry of the number in the path.
    func entry(_ call: Call) throws -> StoredEntry {
        guard let text = try call.parameters.text(.seq),
            let seq = Parameters.number(text, in: Parameter.numbers),
            let entry = try services.attempts().entry(seq)
        else {
            throw Problem(.notFound, "not_found", "there is no entry of this number, or none any more")
        }
        return entry
    }

    func attemptStream(_ call: Call) async throws -> Response {
        let head = try services.attempts().last()
        let begin = min(try Self.begin(call) ?? head, head)
        let pages = Mutex(try services.attempts().pages(call.parameters.attempts(), above: begin))
        return try await stream(.readAttempts, call) { [services] in
            _ = try await services.authority.recordAccess(
                ["command": "attempts stream", "after": .int(begin)], by: call.attribution())
        } next: {
            try pages.withLock { try Self.events(&$0) }
        }
    }

    /// What has come, as far as one piece takes it.
    private static func events(_ pages: inout AttemptPages) throws -> ByteBuffer {
        var events = ByteBuffer()
        try pages.read(within: Look.patience) { page in
            for entry in page { events.writeEvent("attempt", id: "\(entry.seq)", entry.json) }
            return events.readableBytes < EventStream.piece
        }
        return events
    }

    /// All that match, in a form for other programs. Recorded before anything leaves.
    func export(_ call: Call) async throws -> Response {
        let name = try call.parameters.words(.exportFormat) { $0 }.first ?? EntryFormat.jsonl.name
        guard let format = EntryFormat(name: name) else { throw Problem.notFound }
        let query = try call.parameters.attempts()
        let headers: HTTPFields = [
            .contentType: "application/octet-stream",
            .contentDisposition: "attachment; filename=\"attempts.\(format.name)\"",
        ]
        guard call.request.method != .head else {
            return Response(status: .ok, headers: headers, body: .notSent)
        }
        if let caller = call.caller { try entries.count(caller) }
        let words = call.parameters.pairs(Parameter.filters).map { "--\($0) \($1)" }.joined(separator: " ")
        let logger = logger
        let export = try await services.attempts().export(
            query, .init(format: format.name, words: words, by: try call.attribution()),
            warn: { logger.warning("the API: \($0)") })
        return Response(status: .ok, headers: headers, body: export.body(format))
    }
}

extension AttemptService.WholeExport {
    fileprivate func body(_ format: EntryFormat) -> ResponseBody {
        let export = self
        return ResponseBody { writer in
            var (pages, reach) = (export.pages, ExportReach())
            do {
                if let header = format.header { try await writer.write(ByteBuffer(bytes: header)) }
                while true {
                    // Who reads slowly does not hold up the gate's stop.
                    guard !Task.isShuttingDownGracefully else { throw CancellationError() }
                    var records: [[UInt8]] = []
                    var seqs: [Int64] = []
                    let isWhole = try pages.read(within: Look.patience) { page in
                        for entry in page {
                            records.append(try format.record(entry))
                            seqs.append(entry.seq)
                        }
                        return records.count < 2000
                    }
                    guard !records.isEmpty else {
                        if isWhole { break }
                        // Others have their turn.
                        await Task.yield()
                        continue
                    }
                    try await writer.write(ByteBuffer(bytes: records.joined()))
                    reach.add(records, seqs, arrived: .max)
                }
                try await writer.finish(nil)
            } catch {
                await export.recorded.endedInPart(error, reach: reach)
                throw error
            }
        }
    }
}
