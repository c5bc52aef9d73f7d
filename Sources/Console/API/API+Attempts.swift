// Attempts: pages of them, one, and a stream of what comes.
import Hummingbird
import JSON
import Ledger
import Management
import NIOCore
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
        try pages.read { page in
            for entry in page { events.writeEvent("attempt", id: entry.seq, entry.json) }
            return events.readableBytes < EventStream.piece
        }
        return events
    }
}
