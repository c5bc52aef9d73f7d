// Runs a drop box against the store in memory, and speaks to it as a client does.
import SFTPWire
import Testing

/// One SFTP session. Not for several threads.
final class Conversation {
    var box: DropBox
    var store = MemoryStore()
    var reports: [RefusedRequest] = []
    private(set) var hasEnded = false
    private var input: [UInt8] = []
    private var lastID: UInt32 = 100

    init(maxFile: Int64? = nil, greeted: Bool = true) {
        box = DropBox(settings: DropBox.Settings(account: "acme", maxFile: maxFile))
        if greeted { _ = feed(packet(.initialise, Fields().uint32(3))) }
    }

    /// Gives bytes to the machine and collects what it says.
    func feed(_ bytes: [UInt8]) -> [(id: UInt32?, reply: Reply)] {
        input += bytes
        var replies: [UInt8] = []
        loop: while !hasEnded {
            switch box.next(input.span) {
            case .perform(let request):
                box.answer(store.perform(request, input.span, box.pieces))
            case .report(let refused): reports.append(refused)
            case .send: replies += takeOutput()
            case .end: hasEnded = true
            case .read:
                input.removeFirst(box.takeConsumed())
                break loop
            }
        }
        var reader = ReplyReader(bytes: (replies + takeOutput())[...])
        var found: [(id: UInt32?, reply: Reply)] = []
        while !reader.bytes.isEmpty {
            guard let next = reader.next() else {
                Issue.record("the drop box sent what is no packet")
                break
            }
            found.append(next)
        }
        return found
    }

    private func takeOutput() -> [UInt8] {
        defer { box.outputSent(box.output.count) }
        return box.output
    }

    /// The connection ends: what a session does then.
    func hangUp() {
        for request in box.abandon("hung up") { _ = store.perform(request, input.span, []) }
        hasEnded = true
    }

    // MARK: One request, one reply

    func ask(_ type: PacketType, _ fields: Fields) -> Reply {
        lastID += 1
        let replies = feed(packet(type, id: lastID, fields))
        guard replies.count == 1, let only = replies.first, only.id == lastID else {
            Issue.record("\(type): \(replies.count) replies")
            return .status(.badMessage, "")
        }
        return only.reply
    }

    func path(_ type: PacketType, _ path: String) -> Reply { ask(type, Fields().string(path)) }

    func paths(_ type: PacketType, _ from: String, _ to: String) -> Reply {
        ask(type, Fields().string(from).string(to))
    }

    func posixRename(_ from: String, _ to: String) -> Reply {
        ask(.extended, Fields().string("posix-rename@openssh.com").string(from).string(to))
    }

    func open(_ path: String, _ flags: OpenFlags, size: UInt64? = nil) -> Reply {
        ask(.open, Fields().string(path).uint32(flags.rawValue).attributes(size: size))
    }

    /// OPEN that must succeed.
    func opened(_ path: String, _ flags: OpenFlags, size: UInt64? = nil) -> [UInt8] {
        guard case .handle(let handle) = open(path, flags, size: size) else {
            Issue.record("OPEN \(path) failed")
            return []
        }
        return handle
    }

    func write(_ handle: [UInt8], _ offset: UInt64, _ data: [UInt8]) -> Reply {
        ask(.write, Fields().string(handle).uint64(offset).string(data))
    }

    func writePacket(_ handle: [UInt8], _ offset: UInt64, _ data: [UInt8], id: UInt32 = 1) -> [UInt8] {
        packet(.write, id: id, Fields().string(handle).uint64(offset).string(data))
    }

    func close(_ handle: [UInt8]) -> Reply { ask(.close, Fields().string(handle)) }

    func fsetstat(_ handle: [UInt8], size: UInt64? = nil, permissions: UInt32? = nil, modified: UInt32? = nil)
        -> Reply
    {
        ask(
            .fsetstat,
            Fields().string(handle).attributes(size: size, permissions: permissions, modified: modified))
    }

    func setstat(_ path: String, size: UInt64? = nil, permissions: UInt32? = nil, modified: UInt32? = nil)
        -> Reply
    {
        ask(
            .setstat,
            Fields().string(path).attributes(size: size, permissions: permissions, modified: modified))
    }

    /// The size that STAT or LSTAT gives; nil when there is no such file.
    func size(_ path: String, _ type: PacketType = .stat) -> UInt64? {
        guard case .attributes(let attributes) = self.path(type, path) else { return nil }
        return attributes.size
    }

    /// A whole upload; whatever CLOSE answers.
    func put(_ path: String, _ data: [UInt8], _ flags: OpenFlags = [.write, .create, .truncate]) -> Reply {
        let handle = opened(path, flags)
        if !data.isEmpty { #expect(write(handle, 0, data).code == .ok) }
        return close(handle)
    }

    /// All names of a directory.
    func list(_ path: String) -> [Reply.Name] {
        guard case .handle(let handle) = self.path(.opendir, path) else { return [] }
        var names: [Reply.Name] = []
        while case .names(let more) = ask(.readdir, Fields().string(handle)) { names += more }
        #expect(close(handle).code == .ok)
        return names
    }
}

extension Reply {
    /// The status, if it is one.
    var code: StatusCode? {
        guard case .status(let code, _) = self else { return nil }
        return code
    }

    var message: String {
        guard case .status(_, let message) = self else { return "" }
        return message
    }
}

/// Bytes that differ from place to place.
func sample(_ count: Int, seed: Int = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 131 &+ ($0 >> 8)) }
}
