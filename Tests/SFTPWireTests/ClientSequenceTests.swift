// What each client sends by default when it uploads (facts of the clients' sources), played against the pure
// machine: each of them must succeed.
import SFTPWire
import Testing

@Suite struct ClientSequenceTests {
    private let data = sample(100_000)

    /// Pipelined WRITEs of one file, fed in one piece; all must be OK.
    private func pipeline(_ client: Conversation, _ handle: [UInt8], from: Int = 0, piece: Int = 32_768) {
        var bytes: [UInt8] = []
        var ids: [UInt32] = []
        for start in stride(from: from, to: data.count, by: piece) {
            ids.append(UInt32(start))
            let part = Array(data[start..<min(start + piece, data.count)])
            bytes += client.writePacket(handle, UInt64(start), part, id: UInt32(start))
        }
        let replies = client.feed(bytes)
        #expect(replies.map(\.id) == ids)
        #expect(replies.allSatisfy { $0.reply.code == .ok })
    }

    @Test func opensshSFTP() {
        let client = Conversation(greeted: false)
        let greeting = client.feed(packet(.initialise, Fields().uint32(3)))
        #expect(
            greeting.first?.reply
                == .version(
                    3,
                    [
                        "posix-rename@openssh.com": "1", "fsync@openssh.com": "1", "limits@openssh.com": "1",
                    ]))
        let limits = client.ask(.extended, Fields().string("limits@openssh.com"))
        #expect(limits == .limits([262_144, 261_120, 261_120, 128]))
        #expect(client.path(.realpath, ".") == .names([root]))
        #expect(client.path(.stat, "/in.xml").code == .noSuchFile)
        let handle = client.opened("/in.xml", [.write, .create, .truncate])
        pipeline(client, handle)
        #expect(client.fsetstat(handle, permissions: 0o644, modified: 1_700_000_000).code == .ok)
        #expect(client.ask(.extended, Fields().string("fsync@openssh.com").string(handle)).code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases == [.init(path: "in.xml", bytes: data, modified: 1_700_000_000)])
        #expect(client.store.requests.contains { if case .sync = $0 { true } else { false } })
    }

    private var root: Reply.Name { Reply.Name(name: "/", long: "/", attributes: .init()) }

    @Test func opensshReput() {
        let client = Conversation()
        let first = client.opened("/in.xml", [.write, .create, .truncate])
        #expect(client.write(first, 0, Array(data.prefix(40_000))).code == .ok)
        client.hangUp()

        let second = Conversation()
        second.store = client.store
        #expect(second.size("/in.xml") == 40_000)
        let handle = second.opened("/in.xml", [.write, .create, .append])
        pipeline(second, handle, from: 40_000)
        #expect(second.close(handle).code == .ok)
        #expect(second.store.releases.map(\.bytes) == [data])
    }

    @Test func opensshSCP() {
        let client = Conversation()
        for content in [data, Array(data.prefix(1000)), []] {
            _ = client.path(.stat, "/in.xml")
            let handle = client.opened("/in.xml", [.write, .create])
            if !content.isEmpty { #expect(client.write(handle, 0, content).code == .ok) }
            #expect(client.fsetstat(handle, size: UInt64(content.count)).code == .ok)
            #expect(client.close(handle).code == .ok)
            #expect(client.store.releases.last?.bytes == content)
        }
        #expect(client.store.releases.count == 3)
    }

    @Test func scpOverALongerPartial() {
        let client = Conversation()
        client.store.partials["in.xml"] = .init(bytes: sample(5000, seed: 9), known: 5000)
        let handle = client.opened("/in.xml", [.write, .create])
        #expect(client.write(handle, 0, Array(data.prefix(1000))).code == .ok)
        #expect(client.fsetstat(handle, size: 1000).code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [Array(data.prefix(1000))])
    }

    /// What a connection that broke leaves, for the next one.
    private func brokenOff(after count: Int) -> Conversation {
        let first = Conversation()
        let handle = first.opened("/in.xml", [.write, .create, .truncate])
        #expect(first.write(handle, 0, sample(count, seed: 77)).code == .ok)
        first.hangUp()
        let second = Conversation()
        second.store = first.store
        return second
    }

    @Test(arguments: [40_000, 100_000, 150_000]) func scpOverABrokenOffOne(_ count: Int) {
        let client = brokenOff(after: count)
        #expect(client.size("/in.xml") == UInt64(count))
        let handle = client.opened("/in.xml", [.write, .create])
        pipeline(client, handle)
        #expect(client.store.partials["in.xml"] != nil, "the earlier one stays until this one is whole")
        #expect(client.fsetstat(handle, size: 100_000).code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [data])
        #expect(client.store.partials.isEmpty)
    }

    @Test(arguments: [false, true]) func emptySCPOverABrokenOffOne(_ looksFirst: Bool) {
        let client = brokenOff(after: 40_000)
        if looksFirst { _ = client.path(.stat, "/in.xml") }
        let handle = client.opened("/in.xml", [.write, .create])
        #expect(client.fsetstat(handle, size: 0).code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [[]])
        #expect(client.store.partials.isEmpty)
    }

    @Test func touchOfADeliveredFileDeliversNothing() {
        let client = Conversation()
        #expect(client.put("/a", data).code == .ok)
        let handle = client.opened("/a", [.write, .create])
        #expect(client.fsetstat(handle, modified: 1_700_000_000).code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.setstat("/a", modified: 1_700_000_000).code == .ok)
        #expect(client.store.releases == [.init(path: "a", bytes: data, modified: 1_700_000_000)])
        #expect(client.store.open.isEmpty && client.store.partials.isEmpty)
    }

    @Test func winSCPSmall() {
        let client = Conversation(greeted: false)
        let greeting = client.feed(packet(.initialise, Fields().uint32(6)))
        guard case .version(3, _)? = greeting.first?.reply else {
            Issue.record("version 6 was not answered by version 3")
            return
        }
        #expect(client.path(.lstat, "/").code == nil)
        let handle = client.opened("/a.xml", [.write, .create, .exclusive], size: 10)
        #expect(client.write(handle, 0, sample(10)).code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.setstat("/a.xml", permissions: 0o644, modified: 1_700_000_000).code == .ok)
        #expect(client.store.releases.map(\.path) == ["a.xml"])
    }

    @Test func winSCPLarge() {
        let client = Conversation()
        #expect(client.path(.lstat, "/a.bin").code == .noSuchFile)
        #expect(client.path(.lstat, "/a.bin.filepart").code == .noSuchFile)
        let handle = client.opened("/a.bin.filepart", [.write, .create, .truncate])
        pipeline(client, handle)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.isEmpty)
        #expect(client.path(.remove, "/a.bin").code == .noSuchFile)
        #expect(client.paths(.rename, "/a.bin.filepart", "/a.bin").code == .ok)
        #expect(client.setstat("/a.bin", modified: 1_700_000_000).code == .ok)
        #expect(client.store.releases == [.init(path: "a.bin", bytes: data, modified: 1_700_000_000)])
        #expect(client.size("/a.bin", .lstat) == 100_000)
    }

    @Test func fileZilla() {
        let client = Conversation()
        #expect(client.path(.realpath, ".") == .names([root]))
        #expect(client.list("/").map(\.name) == [".", ".."])
        let handle = client.opened("/a.bin", [.write, .create, .truncate])
        pipeline(client, handle)
        #expect(client.close(handle).code == .ok)
        #expect(client.size("/a.bin") == 100_000)
        #expect(client.setstat("/a.bin", modified: 1_700_000_000).code == .ok)
        #expect(client.list("/").map(\.name) == [".", "..", "a.bin"])
    }

    @Test func psftpReput() {
        let client = Conversation()
        client.store.partials["a.bin"] = .init(bytes: Array(data.prefix(40_000)), known: 40_000)
        guard case .names = client.path(.realpath, "a.bin") else {
            Issue.record("REALPATH of a file failed")
            return
        }
        let handle = client.opened("/a.bin", [.write])
        guard case .attributes(let attributes) = client.ask(.fstat, Fields().string(handle)) else {
            Issue.record("FSTAT failed")
            return
        }
        #expect(attributes.size == 40_000)
        pipeline(client, handle, from: 40_000)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [data])
    }

    @Test func paramikoPut() {
        let client = Conversation()
        let handle = client.opened("a.bin", [.write, .create, .truncate])
        pipeline(client, handle)
        #expect(client.close(handle).code == .ok)
        #expect(client.size("a.bin") == 100_000)
    }

    @Test func jschWithTemporaryName() {
        let client = Conversation()
        client.store.directories.insert("in")
        #expect(client.path(.realpath, "") == .names([root]))
        guard case .attributes(let directory) = client.path(.stat, "/in") else {
            Issue.record("STAT of a directory failed")
            return
        }
        #expect(directory.permissions.map { $0 & 0o170_000 } == 0o040_000)
        #expect(client.path(.stat, "/in/a.xml").code == .noSuchFile)
        #expect(client.put("/in/a.xml.tmp", data).code == .ok)
        #expect(client.list("/in").map(\.name) == [".", "..", "a.xml.tmp"])
        #expect(client.paths(.rename, "/in/a.xml.tmp", "/in/a.xml").code == .ok)
        #expect(client.store.releases.map(\.path) == ["in/a.xml"])
    }

    @Test func sshj() {
        let client = Conversation()
        #expect(client.path(.stat, "/a.xml").code == .noSuchFile)
        #expect(client.path(.stat, "/a.xml").code == .noSuchFile)
        #expect(client.put("/a.xml", data).code == .ok)
        #expect(client.setstat("/a.xml", permissions: 0o644).code == .ok)
    }

    @Test func curl() {
        let client = Conversation()
        #expect(client.path(.realpath, ".") == .names([root]))
        #expect(client.path(.mkdir, "/x").code == .ok)
        #expect(client.path(.mkdir, "/x").code == .failure)
        #expect(client.put("/x/a.xml", data).code == .ok)
        client.store.partials["x/b.xml"] = .init(bytes: Array(data.prefix(500)), known: 500)
        #expect(client.size("/x/b.xml") == 500)
        let resumed = client.opened("/x/b.xml", [.write])
        pipeline(client, resumed, from: 500, piece: 30_000)
        #expect(client.close(resumed).code == .ok)
        #expect(client.store.releases.map(\.path) == ["x/a.xml", "x/b.xml"])
    }

    @Test func curlGoesOnWithWhatIsThereInFull() {
        let client = Conversation()
        client.store.partials["a.xml"] = .init(bytes: data, known: data.count)
        #expect(client.size("/a.xml") == 100_000)
        let handle = client.opened("/a.xml", [.write])
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [data])
        #expect(client.store.partials.isEmpty)
    }

    @Test func rclone() {
        let client = Conversation()
        #expect(client.path(.stat, "/d").code == .noSuchFile)
        #expect(client.path(.mkdir, "/d").code == .ok)
        let handle = client.opened("/d/a.bin.dc12ab34.partial", [.write, .create, .truncate])
        let pieces = stride(from: 0, to: data.count, by: 10_000).map { $0 }
        for start in [3, 1, 0, 2, 9, 8, 7, 4, 6, 5].map({ pieces[$0] }) {
            #expect(client.write(handle, UInt64(start), Array(data[start..<start + 10_000])).code == .ok)
        }
        #expect(client.close(handle).code == .ok)
        #expect(client.setstat("/d/a.bin.dc12ab34.partial", modified: 1_700_000_000).code == .ok)
        #expect(client.size("/d/a.bin.dc12ab34.partial") == 100_000)
        #expect(client.posixRename("/d/a.bin.dc12ab34.partial", "/d/a.bin").code == .ok)
        #expect(client.size("/d/a.bin") == 100_000)
        #expect(client.store.releases == [.init(path: "d/a.bin", bytes: data, modified: 1_700_000_000)])
        #expect(client.store.requests.filter { $0 == .leaveSequence(0) }.count == 1)
    }

    @Test func lftp() {
        let client = Conversation(greeted: false)
        #expect(client.feed(packet(.initialise, Fields().uint32(6))).count == 1)
        #expect(client.path(.stat, "/").code == nil)
        #expect(client.path(.stat, "/.").code == nil)
        let handle = client.opened("/a.bin", [.write, .create, .truncate])
        pipeline(client, handle)
        #expect(client.fsetstat(handle, size: 100_000, modified: 1_700_000_000).code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.modified) == [1_700_000_000])
    }

    @Test func ssh2Streams() {
        let client = Conversation()
        let handle = client.opened("a.bin", [.write, .create, .truncate])
        #expect(client.fsetstat(handle, permissions: 0o666).code == .ok)
        pipeline(client, handle)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [data])
    }

    @Test func phpseclibAndSSHNET() {
        let client = Conversation()
        guard case .names(let names) = client.path(.realpath, "in/../a.xml") else {
            Issue.record("REALPATH failed")
            return
        }
        #expect(names.map(\.name) == ["/a.xml"])
        #expect(client.put("/a.xml", data).code == .ok)
        #expect(client.setstat("/a.xml", permissions: 0o644, modified: 1_700_000_000).code == .ok)
        #expect(client.size("/a.xml") == 100_000)
    }
}
