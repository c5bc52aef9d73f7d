// An HTTP/1.1 answer, read byte by byte as it arrives and never beyond its limits (RFC 9112). No I/O.

package struct HTTPAnswer: Sendable, Hashable {
    package var status: Int
    /// Lower-case names, in the order in which they came.
    package var fields: [(name: String, value: String)] { names.indices.map { (names[$0], values[$0]) } }
    package var body: [UInt8]
    /// Whether the body was longer than what is kept.
    package var isCut = false

    private var names: [String]
    private var values: [String]

    init(status: Int, fields: [(String, String)], body: [UInt8] = []) {
        self.status = status
        self.body = body
        names = fields.map(\.0)
        values = fields.map(\.1)
    }

    /// The first field of a name, which is in lower case.
    package subscript(name: String) -> String? { names.firstIndex(of: name).map { values[$0] } }

    func scrubbed(by scrubber: SecretScrubber) -> HTTPAnswer {
        var clean = self
        clean.values = values.map(scrubber.text)
        clean.body = scrubber.bytes(body)
        return clean
    }
}

package enum HTTPAnswerError: Error, Hashable, Sendable {
    /// The first bytes are no HTTP/1 answer.
    case notHTTP([UInt8])
    case malformed(String)
}

package struct HTTPAnswerParser: Sendable {
    static let longestHead = 16 << 10
    static let longestBody = 64 << 10

    private enum State {
        case head
        case exactly(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailer
        case untilClose
        case done
    }

    private var state = State.head
    private var pending: [UInt8] = []
    private var answer: HTTPAnswer?
    private static let start = Array("HTTP/1.".utf8)

    package init() {}

    /// Takes bytes; gives the answer once it is whole. After that it takes nothing more.
    package mutating func feed(_ bytes: [UInt8]) throws(HTTPAnswerError) -> HTTPAnswer? {
        pending += bytes
        while try advance() {}
        if case .done = state { return answer }
        return nil
    }

    /// The connection has ended: the answer, if that is what ends it.
    package mutating func end() -> HTTPAnswer? {
        switch state {
        case .done, .untilClose: answer
        default: nil
        }
    }

    /// Whether anything has come.
    package var isEmpty: Bool { answer == nil && pending.isEmpty }

    /// One step; false when more bytes are needed or all is done.
    private mutating func advance() throws(HTTPAnswerError) -> Bool {
        switch state {
        case .head: return try head()
        case .exactly(let left):
            let rest = left - take(left)
            state = rest == 0 ? .done : .exactly(rest)
            return false
        case .untilClose:
            take(.max)
            return false
        case .chunkSize:
            guard let line = try line() else { return false }
            let digits = line.prefix { $0 != UInt8(ascii: ";") }
            guard let size = Int(String(decoding: digits, as: UTF8.self).trimmed, radix: 16), size >= 0
            else { throw .malformed("a chunk's size is not a number") }
            state = size == 0 ? .trailer : .chunk(size)
            return true
        case .chunk(let left):
            let rest = left - take(left)
            guard rest == 0 else {
                if case .done = state { return false }
                state = .chunk(rest)
                return false
            }
            state = .chunkEnd
            return true
        case .chunkEnd:
            guard let line = try line() else { return false }
            guard line.isEmpty else { throw .malformed("a chunk is longer than its size") }
            state = .chunkSize
            return true
        case .trailer:
            guard let line = try line() else { return false }
            if line.isEmpty { state = .done }
            return !line.isEmpty
        case .done: return false
        }
    }

    /// Moves body bytes; what is beyond the limit is dropped, and noted.
    @discardableResult
    private mutating func take(_ limit: Int) -> Int {
        let count = min(limit, pending.count)
        let room = Self.longestBody - (answer?.body.count ?? 0)
        answer?.body += pending.prefix(min(count, room))
        if count > room { answer?.isCut = true }
        pending.removeFirst(count)
        return count
    }

    private mutating func line() throws(HTTPAnswerError) -> [UInt8]? {
        guard let end = pending.firstIndex(of: 0x0A) else {
            if pending.count > Self.longestHead { throw .malformed("a line is too long") }
            return nil
        }
        var line = Array(pending[..<end])
        pending.removeFirst(end + 1)
        if line.last == 0x0D { line.removeLast() }
        return line
    }

    private mutating func head() throws(HTTPAnswerError) -> Bool {
        let start = pending.prefix(Self.start.count)
        guard start.elementsEqual(Self.start.prefix(start.count)) else {
            throw .notHTTP(Array(pending.prefix(64)))
        }
        guard let end = Self.endOfHead(pending) else {
            if pending.count > Self.longestHead { throw .malformed("the header is too long") }
            return false
        }
        let text = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeFirst(end)
        let lines = text.split(whereSeparator: \.isNewline)
        let words = (lines.first ?? "").split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[1].count == 3, let status = Int(words[1]), (100...999).contains(status)
        else { throw .malformed("the status line has no status") }
        var fields: [(String, String)] = []
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else { throw .malformed("a header line has no colon") }
            fields.append((parts[0].lowercased(), String(parts[1]).trimmed))
        }
        // 1xx comes before the answer proper.
        if status < 200 { return true }
        let answer = HTTPAnswer(status: status, fields: fields)
        self.answer = answer
        state = try Self.framing(answer)
        return true
    }

    /// RFC 9112 section 6.3.
    private static func framing(_ answer: HTTPAnswer) throws(HTTPAnswerError) -> State {
        if answer.status == 204 || answer.status == 304 { return .done }
        if let coding = answer["transfer-encoding"] {
            return coding.lowercased().hasSuffix("chunked") ? .chunkSize : .untilClose
        }
        guard let text = answer["content-length"] else { return .untilClose }
        guard let length = Int(text), length >= 0 else {
            throw .malformed("Content-Length is not a number")
        }
        return length == 0 ? .done : .exactly(length)
    }

    /// The index behind the empty line.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        var index = 0
        while let next = bytes[index...].firstIndex(of: 0x0A) {
            let behind = bytes[(next + 1)...]
            if behind.first == 0x0A { return next + 2 }
            if behind.starts(with: [0x0D, 0x0A]) { return next + 3 }
            index = next + 1
        }
        return nil
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
