// Attempts: pages of them, one, and a stream of what comes.
import Hummingbird
import JSON
import Ledger
import Management
import NIOCore
import Synchronization

extension API {
    static let mostOfPage: Int64 = 500
    private static let usualOfPage: Int64 = 50

    func attempts(_ call: Call) throws -> Response {
        var parameters = call.parameters
        let query = try parameters.attempts()
        let limit = try parameters.number("limit", in: 1...Self.mostOfPage) ?? Self.usualOfPage
        let before = try parameters.number("before", in: QueryParameters.numbers)
        try parameters.end()
        let page = try services.attempts().page(query, before: before, limit: Int(limit))
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
    func attempt(_ text: String, _ call: Call) throws -> Response {
        try call.parameters.end()
        return Self.json(try entry(text).json, for: call.request)
    }

    /// The entry of a number, as it stands in a path.
    func entry(_ text: String) throws -> StoredEntry {
        guard let seq = Int64(text), seq >= 0, "\(seq)" == text,
            let entry = try services.attempts().entry(seq)
        else {
            throw Problem(.notFound, "not_found", "there is no entry of this number, or none any more")
        }
        return entry
    }

    func attemptStream(_ call: Call) async throws -> Response {
        var parameters = call.parameters
        let query = try parameters.attempts()
        let head = try services.attempts().last()
        let begin = min(try Self.begin(&parameters, call) ?? head, head)
        let pages = Mutex(try services.attempts().pages(query, above: begin))
        return try await stream("attempts", above: begin, .readAttempts, call) {
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
