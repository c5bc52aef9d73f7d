import Testing

// Requests as bytes: each is read as it was meant, cut off anywhere it is malformed or waits for more, and
// what is no request of ours gets status 8.
@testable import SFTPWire

@Suite struct CodecTests {
    private static let handle = Fields().uint32(0).uint32(1).bytes

    /// Every request with complete fields, and how a fresh session answers it.
    private static let requests: [(name: String, type: UInt8, fields: Fields, code: StatusCode?)] = [
        ("OPEN", 3, Fields().string("a").uint32(0x1a).attributes(size: 1, permissions: 2, modified: 3), nil),
        ("CLOSE", 4, Fields().string(handle), .failure),
        ("READ", 5, Fields().string(handle).uint64(0).uint32(1), .permissionDenied),
        ("WRITE", 6, Fields().string(handle).uint64(0).string("x"), .failure),
        ("LSTAT", 7, Fields().string("a"), .noSuchFile),
        ("FSTAT", 8, Fields().string(handle), .failure),
        ("SETSTAT", 9, Fields().string("a").attributes(size: 1, modified: 3), .noSuchFile),
        ("FSETSTAT", 10, Fields().string(handle).attributes(permissions: 1), .failure),
        ("OPENDIR", 11, Fields().string("a"), .noSuchFile),
        ("READDIR", 12, Fields().string(handle), .failure),
        ("REMOVE", 13, Fields().string("a"), .noSuchFile),
        ("MKDIR", 14, Fields().string("a"), .ok),
        ("RMDIR", 15, Fields().string("a"), .noSuchFile),
        ("REALPATH", 16, Fields().string("a"), nil),
        ("STAT", 17, Fields().string("a"), .noSuchFile),
        ("RENAME", 18, Fields().string("a").string("b"), .noSuchFile),
        ("READLINK", 19, Fields().string("a"), .permissionDenied),
        ("SYMLINK", 20, Fields().string("a").string("b"), .permissionDenied),
        (
            "posix-rename", 200, Fields().string("posix-rename@openssh.com").string("a").string("b"),
            .noSuchFile
        ),
        ("hardlink", 200, Fields().string("hardlink@openssh.com").string("a").string("b"), .permissionDenied),
        ("fsync", 200, Fields().string("fsync@openssh.com").string(handle), .failure),
        ("limits", 200, Fields().string("limits@openssh.com"), nil),
    ]

    @Test(arguments: requests.indices)
    func isAnswered(_ index: Int) {
        let request = Self.requests[index]
        let replies = Conversation().feed(packet(request.type, id: 7, request.fields))
        #expect(replies.map(\.id) == [7], "\(request.name)")
        #expect(replies.first?.reply.code == request.code, "\(request.name)")
    }

    @Test(arguments: requests.indices)
    func waitsUntilItIsComplete(_ index: Int) {
        let request = Self.requests[index]
        let bytes = packet(request.type, id: 7, request.fields)
        let client = Conversation()
        for byte in bytes.dropLast() { #expect(client.feed([byte]).isEmpty) }
        #expect(client.feed([bytes[bytes.count - 1]]).map(\.id) == [7])
    }

    @Test(arguments: requests.indices)
    func isMalformedWhenAFieldIsCutOff(_ index: Int) {
        let request = Self.requests[index]
        for count in 0..<request.fields.bytes.count {
            let client = Conversation()
            _ = client.feed(
                packet(request.type, id: 7, Fields(bytes: Array(request.fields.bytes.prefix(count)))))
            #expect(client.hasEnded, "\(request.name) with \(count) bytes")
            #expect(client.reports.map(\.reason) == [.malformed])
        }
    }

    @Test func ignoresWhatFollowsTheFields() {
        let replies = Conversation().feed(packet(.stat, id: 7, Fields().string("/").string("more")))
        #expect(replies.count == 1)
    }

    @Test func readsAllAttributes() {
        let attributes = Fields().uint32(0x8000_000f).uint64(5).uint32(1).uint32(2).uint32(0o644).uint32(3)
            .uint32(1_700_000_000).uint32(1).string("name").string("value")
        let client = Conversation()
        let handle = client.opened("a", [.write, .create])
        #expect(
            client.ask(.fsetstat, Fields(bytes: Fields().string(handle).bytes + attributes.bytes)).code == .ok
        )
        #expect(client.store.requests.contains(.resize(0, 5)))
    }

    @Test func aFalseCountOfExtendedAttributesIsMalformed() {
        let client = Conversation()
        _ = client.feed(packet(.setstat, id: 1, Fields().string("a").uint32(0x8000_0000).uint32(.max)))
        #expect(client.hasEnded)
    }

    @Test(arguments: [0, 2, 21, 50, 99, 101, 105, 150, 199, 201, 255] as [UInt8])
    func anUnknownTypeIsUnsupported(_ type: UInt8) {
        let replies = Conversation().feed(packet(type, id: 9, Fields()))
        #expect(replies.map(\.id) == [9])
        #expect(replies.first?.reply.code == .unsupported)
    }

    @Test(arguments: ["statvfs@openssh.com", "copy-data", "", "a\u{0}b"])
    func anUnknownExtensionIsUnsupported(_ name: String) {
        let client = Conversation()
        #expect(client.ask(.extended, Fields().string(name)).code == .unsupported)
    }

    @Test(arguments: [0, 4, 266_241, UInt32.max])
    func aPacketOfAnImpossibleLengthEndsTheSession(_ length: UInt32) {
        let client = Conversation()
        _ = client.feed(Fields().uint32(length).bytes)
        #expect(client.hasEnded)
        #expect(client.reports.map(\.reason) == [.malformed])
    }

    @Test func takesTheLargestPacketThatLimitsAllow() {
        let client = Conversation()
        let handle = client.opened("a", [.write, .create, .truncate])
        #expect(client.write(handle, 0, sample(256 * 1024)).code == .ok)
        #expect(client.close(handle).code == .ok)
    }

    @Test(arguments: [PacketType.stat, .version, .open])
    func theFirstPacketMustBeINIT(_ type: PacketType) {
        let client = Conversation(greeted: false)
        _ = client.feed(packet(type, id: 1, Fields().string("a")))
        #expect(client.hasEnded)
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5, 6, .max] as [UInt32])
    func everyINITGetsVersion3(_ version: UInt32) {
        let client = Conversation(greeted: false)
        let fields = Fields().uint32(version).string("versions").string("3,6")
        guard case .version(3, _)? = client.feed(packet(.initialise, fields)).first?.reply else {
            Issue.record("no version 3")
            return
        }
    }

    @Test(arguments: [
        (Int64(0), 1_795_424_600, "Jan  1  1970"), (1_795_424_580, 1_795_424_600, "Nov 23 09:03"),
        (1_795_424_580, 1_795_424_500, "Nov 23  2026"), (951_782_400, 1_795_424_500, "Feb 29  2000"),
        (4_102_444_799, 0, "Dec 31  2099"), (1_795_424_580, 1_899_000_000, "Nov 23  2026"),
    ])
    func timesReadAsLsPrintsThem(_ seconds: Int64, _ now: Int64, _ text: String) {
        #expect(listTime(seconds, now: now) == text)
    }
}
