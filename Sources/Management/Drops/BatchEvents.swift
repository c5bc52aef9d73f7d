// The events of an NDJSON batch in `ready/`.
import Intake
import Ledger
import Staging

struct BatchEvents {
    /// Bytes of a batch; the stager makes none that is nearly as large.
    static let longest: Int64 = 1 << 30

    let staging: StagingArea
    let reader: any LedgerReading

    /// The body of an event, or nil where its line does not hold one.
    /// - Parameter line: from 1, as its receipt has it; nil where there is no receipt.
    func event(of record: DropRecord, line: Int?) throws -> [UInt8]? {
        let number = try line ?? self.line(of: record)
        let file = try staging.ready.openReleased(record.readyPath)
        let size = try file.size()
        guard number > 0, size <= Self.longest else { return nil }
        var (body, lines): ([UInt8]?, Int) = (nil, 0)
        try file.forEachLine(limit: size) { line in
            lines += 1
            guard lines == number else { return true }
            body = (try? BatchLine(parsing: line))?.bytes
            return false
        }
        return body
    }

    private func line(of record: DropRecord) throws -> Int {
        (try ids(at: record.readyPath).firstIndex(of: record.id) ?? -1) + 1
    }

    /// The drops of a batch by the ledger alone: lines are in the order of their entries.
    func ids(at readyPath: String) throws -> [String] {
        guard let accepted = WebhookName.time(in: readyPath) else { return [] }
        return try reader.events(readyPath: readyPath, acceptedFrom: accepted).map(\.id)
    }
}

extension ReleasedFile {
    /// Calls `body` with the lines of the file from its start, until it says no. They come without their newlines, the last one also where
    /// it has none.
    /// - Parameter limit: what comes after so many bytes is not read.
    func forEachLine(limit: Int64, _ body: ([UInt8]) -> Bool) throws(StagingError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        var (line, offset): ([UInt8], Int64) = ([], 0)
        while offset < limit {
            let room = buffer[..<Int(min(limit - offset, Int64(buffer.count)))]
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: room), at: offset)
            if count == 0 { break }
            offset += Int64(count)
            var rest = buffer[..<count]
            while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line += rest[..<newline]
                guard body(line) else { return }
                line.removeAll(keepingCapacity: true)
                rest = rest[(newline + 1)...]
            }
            line += rest
        }
        if !line.isEmpty { _ = body(line) }
    }
}
