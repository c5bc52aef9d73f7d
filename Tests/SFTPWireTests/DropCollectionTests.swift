// The collection: what a collector may do, what it may not, and how much it answers at once.
import SFTPWire
import Support
import Testing

/// A collection with files in memory. Not for several threads.
private final class Reader {
    var box = DropCollection(account: "integration")
    var files: [String: [UInt8]] = [
        "receipts/1.json": Array("{}".utf8), "ready/sftp/vsee/a.xml": sample(300_000),
    ]
    var open: [Int: String] = [:]
    var acknowledged: [String] = []
    var reports: [RefusedRequest] = []
    var hasEnded = false
    /// The largest output that was ever asked to be sent.
    var largest = 0
    private var input: [UInt8] = []

    init() { _ = feed(packet(.initialise, Fields().uint32(3))) }

    func feed(_ bytes: [UInt8]) -> [Reply] {
        input += bytes
        var replies: [UInt8] = []
        loop: while !hasEnded {
            switch box.next(input.span) {
            case .perform(let order): perform(order)
            case .report(let refused): reports.append(refused)
            case .send: replies += takeOutput()
            case .end: hasEnded = true
            case .read:
                input.removeFirst(box.takeConsumed())
                break loop
            }
        }
        var reader = ReplyReader(bytes: (replies + takeOutput())[...])
        var found: [Reply] = []
        while let next = reader.next() { found.append(next.reply) }
        return found
    }

    private func takeOutput() -> [UInt8] {
        largest = max(largest, box.output.count)
        defer { box.outputSent(box.output.count) }
        return box.output
    }

    private func perform(_ order: CollectOrder) {
        switch order {
        case .stat(let path):
            box.answer(
                .node(files[path.text].map { Node(kind: .file, size: Int64($0.count), modified: 1) }))
        case .list(let path, let after):
            let names = files.keys.filter { $0.hasPrefix(path.text + "/") }
                .map { Array($0.utf8.dropFirst(path.bytes.count + 1)) }
                .filter { after?.lexicographicallyPrecedes($0) ?? true }
                .sorted { $0.lexicographicallyPrecedes($1) }
            box.answer(
                .listing(
                    names.prefix(2).map {
                        DirectoryEntry(name: $0, node: Node(kind: .file, size: 1, modified: 1))
                    }, hasMore: names.count > 2, now: 2))
        case .open(let slot, let path):
            guard let bytes = files[path.text] else {
                return box.answer(.failed(StoreError(.absent, "absent")))
            }
            open[slot] = path.text
            box.answer(.opened(OpenedUpload(size: Int64(bytes.count), modified: 1, now: 2)))
        case .read(let slot, let offset, _):
            let rest = files[open[slot] ?? ""]?.dropFirst(Int(clamping: offset)) ?? []
            box.answer(reading: { buffer in
                let count = min(buffer.count, rest.count)
                buffer.copyBytes(from: rest.prefix(count))
                return count
            })
        case .close(let slot):
            open[slot] = nil
            box.answer(.done)
        case .acknowledge(let path):
            acknowledged.append(path.text)
            box.answer(
                files[path.text] == nil ? .failed(StoreError(.absent, "no such receipt")) : .done)
        }
    }

    func ask(_ type: PacketType, _ fields: Fields) -> Reply {
        feed(packet(type, id: 7, fields)).first ?? .status(.badMessage, "")
    }

    func opened(_ path: String) -> [UInt8] {
        guard case .handle(let handle) = ask(.open, Fields().string(path).uint32(1).attributes()) else {
            return []
        }
        return handle
    }
}

@Suite struct DropCollectionTests {
    private func read(_ handle: [UInt8], _ offset: UInt64, _ count: UInt32) -> Fields {
        Fields().string(handle).uint64(offset).uint32(count)
    }

    private func code(_ reply: Reply) -> StatusCode? {
        if case .status(let code, _) = reply { code } else { nil }
    }

    @Test func aFileIsReadInPiecesToItsEnd() {
        let reader = Reader()
        let handle = reader.opened("/ready/sftp/vsee/a.xml")
        var bytes: [UInt8] = []
        while case .data(let piece) = reader.ask(.read, read(handle, UInt64(bytes.count), 32_768)) {
            bytes += piece
        }
        #expect(bytes == sample(300_000))
        #expect(code(reader.ask(.read, read(handle, 300_000, 100))) == .endOfFile)
        #expect(code(reader.ask(.read, read(handle, .max, 100))) == .endOfFile)
        #expect(code(reader.ask(.close, Fields().string(handle))) == .ok)
        #expect(reader.open.isEmpty)
        #expect(code(reader.ask(.read, read(handle, 0, 1))) == .failure)
    }

    @Test func pipelinedReadsGatherAndStayBounded() {
        let reader = Reader()
        let handle = reader.opened("/ready/sftp/vsee/a.xml")
        let requests = (0..<64).flatMap { packet(.read, id: UInt32($0), read(handle, 0, UInt32.max)) }
        let replies = reader.feed(requests)
        #expect(replies.count == 64)
        for reply in replies {
            guard case .data(let piece) = reply else {
                Issue.record("\(reply)")
                return
            }
            #expect(piece.count == 256 * 1024)
        }
        #expect(reader.largest < 600 * 1024)
    }

    @Test(arguments: [PacketType.mkdir, .rmdir, .setstat, .readlink, .rename, .symlink])
    func whatWritesIsForbidden(_ type: PacketType) {
        let reader = Reader()
        let reply = reader.ask(type, Fields().string("/ready/x").string("/ready/y").attributes())
        #expect(code(reply) == .permissionDenied)
        #expect(reader.reports.map(\.reason) == [.forbiddenOperation])
    }

    @Test(arguments: [OpenFlags.write, [.read, .write], [.read, .create], [.read, .truncate], .append])
    func openingToWriteIsForbidden(_ flags: OpenFlags) {
        let reader = Reader()
        let fields = Fields().string("/ready/sftp/vsee/a.xml").uint32(flags.rawValue).attributes()
        #expect(code(reader.ask(.open, fields)) == .permissionDenied)
        #expect(reader.reports.map(\.operation) == ["OPEN"] && reader.open.isEmpty)
    }

    @Test func writingToAHandleIsForbidden() {
        let reader = Reader()
        let handle = reader.opened("/receipts/1.json")
        let reply = reader.ask(.write, Fields().string(handle).uint64(0).string("x"))
        #expect(code(reply) == .permissionDenied && reader.reports.map(\.operation) == ["WRITE"])
    }

    @Test func onlyReceiptsCanBeRemoved() {
        let reader = Reader()
        #expect(code(reader.ask(.remove, Fields().string("/receipts/1.json"))) == .ok)
        #expect(code(reader.ask(.remove, Fields().string("/receipts/2.json"))) == .noSuchFile)
        for path in ["/ready/sftp/vsee/a.xml", "/receipts", "/", "/receipts/../ready/x", "/receipts/a/b"] {
            #expect(code(reader.ask(.remove, Fields().string(path))) == .permissionDenied)
        }
        #expect(reader.acknowledged == ["receipts/1.json", "receipts/2.json"])
    }

    @Test func directoriesAreListedAndFilesLookedAt() {
        let reader = Reader()
        guard case .handle(let handle) = reader.ask(.opendir, Fields().string("/receipts")),
            case .names(let names) = reader.ask(.readdir, Fields().string(handle))
        else {
            Issue.record("not listed")
            return
        }
        #expect(names.map(\.name) == [".", "..", "1.json"])
        for _ in 0..<2 { #expect(code(reader.ask(.readdir, Fields().string(handle))) == .endOfFile) }
        guard case .attributes(let found) = reader.ask(.stat, Fields().string("/ready/sftp/vsee/a.xml"))
        else {
            Issue.record("no attributes")
            return
        }
        #expect(found.size == 300_000)
        #expect(code(reader.ask(.stat, Fields().string("/ready/none"))) == .noSuchFile)
    }

    @Test func longDirectoriesComePageByPage() {
        let reader = Reader()
        for number in 2...9 { reader.files["receipts/\(number).json"] = [] }
        guard case .handle(let handle) = reader.ask(.opendir, Fields().string("/receipts")) else {
            Issue.record("not opened")
            return
        }
        var names: [String] = []
        while case .names(let more) = reader.ask(.readdir, Fields().string(handle)) {
            names += more.map(\.name)
        }
        #expect(names == [".", ".."] + (1...9).map { "\($0).json" })
        #expect(code(reader.ask(.close, Fields().string(handle))) == .ok)
    }

    @Test(arguments: 0..<200) func randomRequestsDoNoHarm(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let reader = Reader()
        for _ in 0..<20 {
            let fields = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let type = UInt8.random(in: 2...21, using: &random)
            _ = reader.feed(packet(type, id: 1, Fields(bytes: fields)))
        }
        #expect(reader.acknowledged.isEmpty)
        _ = reader.box.abandon("over")
    }
}
