// Random bytes and damaged conversations, with fixed seeds: no trap, no endless loop, and nothing released
// that did not arrive.
import SFTPWire
import Support
import Testing

@Suite struct FuzzTests {
    @Test(arguments: 0..<40)
    func randomBytesDoNoHarm(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        for _ in 0..<50 {
            let client = Conversation(greeted: Bool.random(using: &random))
            for _ in 0..<4 {
                let count = Int.random(in: 0...400, using: &random)
                _ = client.feed((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) })
            }
            client.hangUp()
        }
    }

    @Test(arguments: 0..<40)
    func randomRequestsDoNoHarm(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed) &+ 1000)
        let client = Conversation(maxFile: 5000)
        for _ in 0..<400 {
            _ = client.feed(request(&random))
            #expect(!client.hasEnded)
            #expect(client.store.open.count <= 128)
        }
        client.hangUp()
        #expect(client.store.open.isEmpty)
    }

    @Test(arguments: 0..<40)
    func damagedConversationsDoNoHarm(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed) &+ 2000)
        for _ in 0..<50 {
            var bytes = conversation()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.remove(at: index)
                default: bytes.removeLast(bytes.count - index)
                }
                if bytes.isEmpty { break }
            }
            let client = Conversation(maxFile: 100_000, greeted: false)
            while !bytes.isEmpty {
                let count = min(bytes.count, Int.random(in: 1...200, using: &random))
                _ = client.feed(Array(bytes.prefix(count)))
                bytes.removeFirst(count)
            }
            client.hangUp()
            #expect(client.store.open.isEmpty)
        }
    }

    @Test(arguments: 0..<60)
    func onlyWhatArrivedWholeIsReleased(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed) &+ 3000)
        let client = Conversation()
        let size = Int.random(in: 1...500, using: &random)
        let data = sample(size, seed: seed)
        let handle = client.opened("/a", [.write, .create, .truncate])
        var arrived = [Bool](repeating: false, count: size)
        let mostly = Int.random(in: 1...60, using: &random)
        for _ in 0..<mostly {
            let low = Int.random(in: 0..<size, using: &random)
            let high = Int.random(in: low...min(size, low + 60), using: &random)
            #expect(client.write(handle, UInt64(low), Array(data[low..<high])).code == .ok)
            for index in low..<high { arrived[index] = true }
        }
        let end = (arrived.lastIndex(of: true) ?? -1) + 1
        let isWhole = arrived.prefix(end).allSatisfy { $0 }
        #expect(client.close(handle).code == (isWhole ? .ok : .failure))
        #expect(client.store.releases.map(\.bytes) == (isWhole ? [Array(data.prefix(end))] : []))
    }

    /// A good conversation of several uploads, as one stretch of bytes.
    private func conversation() -> [UInt8] {
        let script = Conversation(greeted: false)
        var bytes = packet(.initialise, Fields().uint32(3))
        for slot in 0..<2 as Range<UInt32> {
            let handle = Fields().uint32(0).uint32(slot + 1).bytes
            bytes += packet(.realpath, id: 1, Fields().string("."))
            bytes += packet(.open, id: 2, Fields().string("/f\(slot).tmp").uint32(0x1a).attributes(size: 300))
            for offset in [0, 100, 200] as [UInt64] {
                bytes += script.writePacket(handle, offset, sample(100))
            }
            bytes += packet(.fsetstat, id: 3, Fields().string(handle).attributes(size: 300, modified: 5))
            bytes += packet(.close, id: 4, Fields().string(handle))
            bytes += packet(.rename, id: 5, Fields().string("/f\(slot).tmp").string("/f\(slot)"))
            bytes += packet(.stat, id: 6, Fields().string("/f\(slot)"))
        }
        return bytes
    }

    /// A well-formed request with fields that meet often.
    private func request(_ random: inout SplitMix) -> [UInt8] {
        let names = ["/", "/a", "/a.tmp", "/d", "/d/b", "/d/b.part", "x\u{1}", "../a", ""]
        let name = { (random: inout SplitMix) in names.randomElement(using: &random) ?? "" }
        let handle = Fields().uint32(UInt32.random(in: 0..<4, using: &random))
            .uint32(UInt32.random(in: 1..<4, using: &random)).bytes
        let attributes = Fields().attributes(
            size: Bool.random(using: &random) ? UInt64.random(in: 0...6000, using: &random) : nil,
            modified: Bool.random(using: &random) ? 7 : nil)
        let types: [UInt8] = [
            3, 3, 3, 4, 4, 5, 6, 6, 6, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 200,
        ]
        let type = types.randomElement(using: &random) ?? 3
        var fields: Fields
        switch type {
        case 3:
            fields = Fields().string(name(&random)).uint32(UInt32.random(in: 0..<64, using: &random))
            fields.bytes += attributes.bytes
        case 6:
            let count = Int.random(in: 0...500, using: &random)
            fields = Fields().string(handle).uint64(UInt64.random(in: 0...5500, using: &random))
                .string(sample(count))
        case 5: fields = Fields().string(handle).uint64(0).uint32(5)
        case 4, 8, 12: fields = Fields().string(handle)
        case 9:
            fields = Fields().string(name(&random))
            fields.bytes += attributes.bytes
        case 10:
            fields = Fields().string(handle)
            fields.bytes += attributes.bytes
        case 18, 20: fields = Fields().string(name(&random)).string(name(&random))
        case 200:
            fields = Fields().string("posix-rename@openssh.com").string(name(&random)).string(name(&random))
        default: fields = Fields().string(name(&random))
        }
        return packet(type, id: UInt32.random(in: .min ... .max, using: &random), fields)
    }
}
