// An SFTP client on a channel of libssh2. The library's own SFTP hides the words of a refusal, and these tell an
// operator what to do; so the packets are written here, and the library carries them.
import Admission

package final class SFTPClient {
    package struct OpenFlags: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let read = OpenFlags(rawValue: 1)
        package static let write = OpenFlags(rawValue: 2)
        package static let create = OpenFlags(rawValue: 8)
        package static let truncate = OpenFlags(rawValue: 16)
        package static let exclusive = OpenFlags(rawValue: 32)
    }

    package struct Handle: Sendable { let bytes: [UInt8] }

    struct Answer {
        let kind: UInt8
        var fields: SFTPReader
    }

    private static let longestPacket = 512 << 10
    let session: SSHSession
    private let channel: SSHChannel
    private var input: [UInt8] = []
    private var lastID: UInt32 = 0
    private var early: [UInt32: Answer] = [:]

    /// Starts the subsystem and agrees on version 3.
    package init(_ session: SSHSession) throws(SFTPError) {
        self.session = session
        do throws(SSHError) {
            channel = try SSHChannel(session)
            try channel.subsystem("sftp")
        } catch { throw .connection(error) }
        var hello = SFTPWriter()
        hello.byte(SFTPKind.initialise)
        hello.number(3)
        try send(hello.bytes)
        var answer = SFTPReader(try packet())
        guard try answer.byte() == SFTPKind.version else { throw .malformed("no version came first") }
    }

    /// What the server wrote to its error stream so far, printable.
    package var errorText: String { channel.errorText() }

    package func open(_ path: String, _ flags: OpenFlags) throws(SFTPError) -> Handle {
        try handle(
            request(SFTPKind.open) {
                $0.string(path.utf8)
                $0.number(flags.rawValue)
                $0.number(0)
            })
    }

    package func write(_ handle: Handle, at offset: Int64, _ bytes: [UInt8]) throws(SFTPError) {
        try expectOK(
            request(SFTPKind.write) {
                $0.string(handle.bytes)
                $0.long(UInt64(offset))
                $0.string(bytes)
            })
    }

    package func close(_ handle: Handle) throws(SFTPError) {
        try expectOK(request(SFTPKind.close) { $0.string(handle.bytes) })
    }

    package func remove(_ path: String) throws(SFTPError) {
        try expectOK(request(SFTPKind.remove) { $0.string(path.utf8) })
    }

    /// The size, when the server tells it.
    package func size(of path: String) throws(SFTPError) -> Int64? {
        var answer = try answer(to: request(SFTPKind.stat) { $0.string(path.utf8) })
        guard answer.kind == SFTPKind.attributes else { throw refusal(&answer) }
        return try answer.fields.size()
    }

    /// The names in a directory, without `.` and `..`; see `SFTPListing` for what else is left out, and for how many there may be.
    /// Each answer has `patience` to come: a long listing has as many as it has pages.
    package func names(in path: String, patience: Duration) throws(SFTPError) -> [String] {
        session.deadline = Deadline(in: patience)
        let directory = try handle(request(SFTPKind.openDirectory) { $0.string(path.utf8) })
        var listing = SFTPListing()
        while !listing.isFull {
            session.deadline = Deadline(in: patience)
            var answer = try answer(to: request(SFTPKind.readDirectory) { $0.string(directory.bytes) })
            if answer.kind == SFTPKind.status {
                let refusal = refusal(&answer)
                guard case .status(1, _) = refusal else { throw refusal }
                break
            }
            guard answer.kind == SFTPKind.name else { throw .malformed("no names came") }
            try listing.take(&answer.fields)
        }
        session.deadline = Deadline(in: patience)
        try close(directory)
        return listing.names
    }

    // Requests and answers

    /// Sends a request and returns its id.
    func request(_ kind: UInt8, _ fields: (inout SFTPWriter) -> Void) throws(SFTPError) -> UInt32 {
        lastID &+= 1
        var writer = SFTPWriter()
        writer.byte(kind)
        writer.number(lastID)
        fields(&writer)
        try send(writer.bytes)
        return lastID
    }

    /// The answer to a request; answers to others that come before it are kept.
    func answer(to id: UInt32) throws(SFTPError) -> Answer {
        if let answer = early.removeValue(forKey: id) { return answer }
        while true {
            var reader = SFTPReader(try packet())
            let kind = try reader.byte()
            let other = try reader.number()
            if other == id { return Answer(kind: kind, fields: reader) }
            guard other < id || other <= lastID, early.count < 1024 else {
                throw .malformed("an answer to no request")
            }
            early[other] = Answer(kind: kind, fields: reader)
        }
    }

    func refusal(_ answer: inout Answer) -> SFTPError {
        guard answer.kind == SFTPKind.status else { return .malformed("an answer of kind \(answer.kind)") }
        do throws(SFTPError) {
            let code = try answer.fields.number()
            let text = (try? answer.fields.string()).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return .status(code: code, text: UntrustedText.head(text, limit: 200))
        } catch { return error }
    }

    private func expectOK(_ id: UInt32) throws(SFTPError) {
        var answer = try answer(to: id)
        let refusal = refusal(&answer)
        guard case .status(0, _) = refusal else { throw refusal }
    }

    private func handle(_ id: UInt32) throws(SFTPError) -> Handle {
        var answer = try answer(to: id)
        guard answer.kind == SFTPKind.handle else { throw refusal(&answer) }
        return Handle(bytes: try answer.fields.string())
    }

    private func send(_ bytes: [UInt8]) throws(SFTPError) {
        var frame = SFTPWriter()
        frame.string(bytes)
        do throws(SSHError) { try channel.write(frame.bytes) } catch { throw .connection(error) }
    }

    private func packet() throws(SFTPError) -> [UInt8] {
        while true {
            if input.count >= 4 {
                let size = input.prefix(4).reduce(0) { $0 << 8 | Int($1) }
                guard (1...Self.longestPacket).contains(size) else {
                    let head = String(decoding: input.prefix(40), as: UTF8.self)
                    throw .malformed("it begins with \"\(UntrustedText.head(head, limit: 40))\"")
                }
                if input.count >= 4 + size {
                    defer { input.removeFirst(4 + size) }
                    return Array(input[4..<(4 + size)])
                }
            }
            let goesOn: Bool
            do throws(SSHError) { goesOn = try channel.read(into: &input) } catch { throw .connection(error) }
            guard goesOn else { throw .ended(channel.errorText()) }
        }
    }
}
