// Listings that come page by page: every name once and in order, this session's open uploads among them, and never
// more than a page of them in memory.
import Support
import Testing

@testable import SFTPWire

@Suite struct ListingTests {
    private func opendir(_ client: Conversation, _ path: String = "/") -> [UInt8] {
        guard case .handle(let handle) = client.path(.opendir, path) else {
            Issue.record("OPENDIR \(path) failed")
            return []
        }
        return handle
    }

    /// nil: the end.
    private func readdir(_ client: Conversation, _ handle: [UInt8]) -> [String]? {
        guard case .names(let names) = client.ask(.readdir, Fields().string(handle)) else { return nil }
        return names.map(\.name)
    }

    private func held(_ client: Conversation) -> [Int] {
        (0..<WireLimit.openHandles).compactMap { client.box.handles.listing($0)?.entries.count }
    }

    @Test func manyLargeListingsHoldOnePageEach() {
        let client = Conversation()
        let page = 100
        let all = (0..<20_000).map { Array("f\(10_000_000 + $0)".utf8) }
        let node = Node(kind: .file, size: 1, modified: 1)
        client.store.listing = { after in
            let from = after.flatMap { Int(String(decoding: $0.dropFirst(), as: UTF8.self)) }
            let rest = all[(from.map { $0 - 9_999_999 } ?? 0)...]
            return .listing(
                rest.prefix(page).map { DirectoryEntry(name: $0, node: node) }, hasMore: rest.count > page,
                now: 2)
        }
        let handles = (0..<WireLimit.openHandles).map { _ in opendir(client) }
        for _ in 0..<3 {
            for handle in handles { #expect(readdir(client, handle)?.isEmpty == false) }
            #expect(held(client).count == handles.count)
            #expect(held(client).allSatisfy { $0 <= page + 2 })
        }
        var count = 0
        while let names = readdir(client, handles[7]) {
            count += names.count
            #expect(held(client).allSatisfy { $0 <= page + 2 })
        }
        // It had handed out three answers: the dots with the first 98 names, two more, a page.
        #expect(count == 20_000 - 200)
    }

    @Test(arguments: 0..<40) func everyNameShowsOnceAndInOrder(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let client = Conversation()
        client.store.pageNames = Int.random(in: 1...6, using: &random)
        client.store.listsOpenUploads = seed % 2 == 0
        let pool = (0..<30).map { "n\($0)" } + ["é", "z~", "A", "n1.tmp", "n10.tmp"]
        var expected: [String: UInt64] = [:]
        for name in pool.shuffled(using: &random).prefix(Int.random(in: 0...pool.count, using: &random)) {
            let size = Int.random(in: 1...50, using: &random)
            expected[name] = UInt64(size)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: client.store.partials[name] = .init(bytes: sample(size), known: size)
            case 1: #expect(client.put("/" + name, sample(size)).code == .ok)
            case 2:
                // A new version of something that shows already.
                #expect(client.put("/" + name, sample(60)).code == .ok)
                fallthrough
            default:
                let handle = client.opened("/" + name, [.write, .create, .truncate])
                #expect(client.write(handle, 0, sample(size)).code == .ok)
            }
        }
        #expect(client.path(.mkdir, "/dir").code == .ok)
        let listed = client.list("/")
        let sorted = (["dir"] + expected.keys).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect(listed.map(\.name) == [".", ".."] + sorted)
        for entry in listed where expected[entry.name] != nil {
            #expect(entry.attributes.size == expected[entry.name])
        }
    }

    @Test func openUploadsOfOtherDirectoriesDoNotShow() {
        let client = Conversation()
        #expect(client.path(.mkdir, "/d").code == .ok)
        _ = client.opened("/d/a", [.write, .create])
        _ = client.opened("/b", [.write, .create])
        #expect(client.list("/").map(\.name) == [".", "..", "b", "d"])
        #expect(client.list("/d").map(\.name) == [".", "..", "a"])
    }

    @Test func aListingGoesOnWhateverHappensBetweenItsPages() {
        let client = Conversation()
        for index in 0..<9 { client.store.partials["f\(index)"] = .init(bytes: [1], known: 1) }
        let handle = opendir(client)
        #expect(readdir(client, handle) == [".", "..", "f0", "f1", "f2"])
        for gone in ["f2", "f3", "f8"] { client.store.partials[gone] = nil }
        let early = client.opened("/f1x", [.write, .create])
        let late = client.opened("/f4x", [.write, .create])
        #expect(readdir(client, handle) == ["f4", "f4x", "f5", "f6"])
        #expect(client.close(early).code == .ok && client.close(late).code == .ok)
        #expect(readdir(client, handle) == ["f7"])
        #expect(readdir(client, handle) == nil)
        #expect(readdir(client, handle) == nil)
    }

    @Test func aPageThatFailsIsToldAndCanBeAskedForAgain() {
        let client = Conversation()
        for index in 0..<5 { client.store.partials["f\(index)"] = .init(bytes: [1], known: 1) }
        let handle = opendir(client)
        #expect(readdir(client, handle)?.count == 5)
        client.store.failure = (
            { if case .list = $0 { true } else { false } }, StoreError(.other, "not now")
        )
        #expect(client.ask(.readdir, Fields().string(handle)) == .status(.failure, "not now"))
        #expect(client.path(.opendir, "/") == .status(.failure, "not now"))
        client.store.failure = nil
        #expect(readdir(client, handle) == ["f3", "f4"])
        #expect(readdir(client, handle) == nil)
    }

    @Test func anEmptyDirectoryHasItsDotsOnly() {
        #expect(Conversation().list("/").map(\.name) == [".", ".."])
    }
}
