// Reads a file in order, with many requests on the way at once, so that a far server is read at the line's speed.

extension SFTPClient {
    /// Every server must answer reads of this size (draft-ietf-secsh-filexfer-02 section 3).
    private static let piece = 32768
    private static let mostOnTheWay = 32

    private struct Wanted {
        let id: UInt32
        let offset: Int64
        let count: Int
    }

    /// Calls `take` with the bytes from `start` up to `end`, in order. Returns where the file ended: before `end`
    /// when it is shorter. Each answer has `patience` to come.
    package func download(
        _ handle: Handle, from start: Int64, to end: Int64, patience: Duration,
        _ take: ([UInt8]) throws -> Void
    ) throws -> Int64 {
        var asked = start
        var position = start
        var onTheWay: [Wanted] = []
        while position < end {
            session.deadline = Deadline(in: patience)
            while onTheWay.count < Self.mostOnTheWay, asked < end {
                let count = Int(min(Int64(Self.piece), end - asked))
                onTheWay.append(try want(handle, asked, count))
                asked += Int64(count)
            }
            var wanted = onTheWay.removeFirst()
            while true {
                guard let bytes = try data(wanted) else {
                    for other in onTheWay { _ = try answer(to: other.id) }
                    return position
                }
                try take(bytes)
                position += Int64(bytes.count)
                guard bytes.count < wanted.count else { break }
                // A server may answer with less; the rest is asked for at once, for the order must hold.
                wanted = try want(handle, position, wanted.count - bytes.count)
            }
        }
        return position
    }

    /// The bytes at an offset, as many as come at once, or nil at the end of the file.
    func piece(_ handle: Handle, at offset: Int64) throws(SFTPError) -> [UInt8]? {
        try data(want(handle, offset, Self.piece))
    }

    private func want(_ handle: Handle, _ offset: Int64, _ count: Int) throws(SFTPError) -> Wanted {
        let id = try request(SFTPKind.read) {
            $0.string(handle.bytes)
            $0.long(UInt64(offset))
            $0.number(UInt32(count))
        }
        return Wanted(id: id, offset: offset, count: count)
    }

    /// The bytes, or nil at the end of the file.
    private func data(_ wanted: Wanted) throws(SFTPError) -> [UInt8]? {
        var answer = try answer(to: wanted.id)
        if answer.kind == SFTPKind.data {
            let bytes = try answer.fields.string()
            guard !bytes.isEmpty, bytes.count <= wanted.count else {
                throw .malformed("\(bytes.count) bytes came for \(wanted.count)")
            }
            return bytes
        }
        let refusal = refusal(&answer)
        if case .status(1, _) = refusal { return nil }
        throw refusal
    }
}
