// The rule by which an upload goes on: where the earlier one ended, or not at all. What is delivered is always one
// upload, or one and the rest of it that was sent from its exact end on.
import SFTPWire
import Support
import Testing

@Suite struct ResumeTests {
    enum Before: CaseIterable {
        case nothing, interrupted, whole, delivered
    }

    enum First: CaseIterable {
        case atStart, inside, atEnd, beyond, append
    }

    private static let old = sample(100)
    private let new = sample(300, seed: 7)

    private func sender(_ before: Before) -> Conversation {
        let client = Conversation()
        switch before {
        case .nothing: break
        case .interrupted: client.store.partials["a"] = .init(bytes: Self.old, known: 100)
        case .whole: client.store.partials["a"] = .init(bytes: Self.old, known: 100, isWhole: true)
        case .delivered: client.store.releases = [.init(path: "a", bytes: Self.old)]
        }
        return client
    }

    @Test(arguments: Before.allCases, First.allCases)
    func theFirstWriteDecides(_ before: Before, _ first: First) {
        let client = sender(before)
        let isThere = before != .nothing
        let offset =
            switch first {
            case .atStart, .append: 0
            case .inside: 60
            case .atEnd: isThere ? 100 : 0
            case .beyond: 150
            }
        let at = first == .append ? (isThere ? 100 : 0) : offset
        let reply = client.open("/a", first == .append ? [.write, .create, .append] : [.write, .create])
        if before == .delivered, first == .append {
            #expect(reply.code == .permissionDenied)
            return
        }
        guard case .handle(let handle) = reply else {
            Issue.record("not opened")
            return
        }
        let written = client.write(handle, UInt64(offset), Array(new[at..<at + 50]))
        let closed = client.close(handle)
        let delivered = before == .delivered ? [Self.old] : []
        if before == .delivered, at > 0 {
            #expect(written.code == .failure && closed.code == .failure)
            #expect(client.store.releases.map(\.bytes) == delivered)
        } else if at == 0 {
            #expect(written.code == .ok && closed.code == .ok)
            #expect(client.store.releases.map(\.bytes) == delivered + [Array(new[..<50])])
            #expect(client.store.partials.isEmpty)
        } else if at == 100 {
            #expect(written.code == .ok && closed.code == .ok)
            #expect(client.store.releases.map(\.bytes) == [Self.old + new[100..<150]])
        } else {
            #expect(written.code == .ok)
            #expect(closed.message == "incomplete: bytes 0-\(at - 1) are missing")
            #expect(client.store.releases.isEmpty)
        }
        #expect(client.store.open.isEmpty)
    }

    enum Told: CaseIterable {
        case nothing, byStat, byLstat, byFstat, byStatWhileOpen
    }

    @Test(arguments: Before.allCases, Told.allCases)
    func closingWithNothingWrittenNeedsAWholeOneOrASizeThatWasTold(_ before: Before, _ told: Told) {
        let client = sender(before)
        if told == .byStat { _ = client.path(.stat, "/a") }
        if told == .byLstat { _ = client.path(.lstat, "/a") }
        let handle = client.opened("/a", [.write, .create])
        if told == .byFstat { _ = client.ask(.fstat, Fields().string(handle)) }
        if told == .byStatWhileOpen { _ = client.path(.stat, "/a") }
        let reply = client.close(handle)
        // sshfs opens, looks at the path at once, and closes.
        if before == .interrupted, told == .nothing || told == .byStatWhileOpen {
            #expect(reply.code == .failure && reply.message.contains("100 bytes of an interrupted upload"))
            #expect(client.reports.map(\.reason) == [.badPath])
            #expect(client.store.partials["a"] == .init(bytes: Self.old, known: 100))
            #expect(client.store.requests.last == .putBack(0))
            #expect(client.store.releases.isEmpty)
        } else {
            #expect(reply.code == .ok)
            #expect(client.store.releases.map(\.bytes) == [before == .nothing ? [] : Self.old])
        }
        #expect(client.store.open.isEmpty)
    }

    @Test func aSizeThatWasToldOfAnotherUploadIsNoneThatWasTold() {
        let client = sender(.interrupted)
        #expect(client.size("/a") == 100)
        let broken = client.opened("/a", [.write, .create, .truncate])
        #expect(client.write(broken, 0, Array(new[..<50])).code == .ok)
        #expect(client.write(broken, 90, Array(new[90..<95])).code == .ok)
        #expect(client.close(broken).code == .failure)
        let handle = client.opened("/a", [.write])
        #expect(client.close(handle).code == .failure)
        #expect(client.store.releases.isEmpty)
    }

    @Test(arguments: [Before.interrupted, .whole, .delivered])
    func whatWasOpenedAndNotWrittenStaysWhenTheConnectionEnds(_ before: Before) {
        let client = sender(before)
        let store = client.store
        _ = client.opened("/a", [.write, .create])
        client.hangUp()
        #expect(client.store.partials == store.partials && client.store.releases == store.releases)
        #expect(client.store.open.isEmpty)
    }

    @Test(arguments: [Before.interrupted, .whole, .delivered])
    func whatIsThereStaysUntilANewOneIsWhole(_ before: Before) {
        let client = sender(before)
        let handle = client.opened("/a", [.write, .create])
        #expect(client.write(handle, 0, Array(new[..<50])).code == .ok)
        #expect(client.store.partials["a"]?.bytes == (before == .delivered ? nil : Self.old))
        #expect(client.close(handle).code == .ok)
        #expect(client.store.partials["a"] == nil)
        #expect(client.store.releases.last?.bytes == Array(new[..<50]))
    }

    @Test func writingNothingDecidesNothing() {
        for before in [Before.interrupted, .whole, .delivered] {
            let client = sender(before)
            let store = client.store
            let handle = client.opened("/a", [.write, .create])
            for offset in [0, 30, 100, 500] as [UInt64] {
                #expect(client.write(handle, offset, []).code == .ok)
            }
            client.hangUp()
            #expect(client.store.partials == store.partials && client.store.releases == store.releases)
        }
    }

    @Test func aWriteOfNothingInFrontLeavesTheDecisionToTheNext() {
        let client = sender(.interrupted)
        #expect(client.size("/a") == 100)
        let handle = client.opened("/a", [.write, .create])
        let replies = client.feed(
            client.writePacket(handle, 0, [], id: 1) + client.writePacket(handle, 0, Array(new[..<50]), id: 2)
        )
        #expect(replies.map(\.reply.code) == [.ok, .ok])
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [Array(new[..<50])])
    }

    @Test func aSizeThatIsSetFirstKeepsNoBytesOfTheOtherFile() {
        for size in [80, 100, 200] as [UInt64] {
            let client = sender(.interrupted)
            let handle = client.opened("/a", [.write, .create])
            #expect(client.fsetstat(handle, size: size).code == .ok)
            #expect(client.write(handle, 0, Array(new[..<50])).code == .ok)
            #expect(client.close(handle).message == "incomplete: bytes 50-\(size - 1) are missing")
            #expect(client.store.releases.isEmpty)
        }
    }

    @Test func aSizeThatIsSetFirstAndThenFilledIsTheNewFile() {
        let client = sender(.interrupted)
        let handle = client.opened("/a", [.write, .create])
        #expect(client.fsetstat(handle, size: 200).code == .ok)
        for start in [100, 0] {
            #expect(client.write(handle, UInt64(start), Array(new[start..<start + 100])).code == .ok)
        }
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [Array(new[..<200])])
    }

    @Test func piecesOutOfOrderThatBeginAtTheOldEndAreNoResume() {
        let client = sender(.interrupted)
        let handle = client.opened("/a", [.write, .create])
        #expect(client.write(handle, 100, Array(new[100..<200])).code == .ok)
        #expect(client.write(handle, 0, Array(new[..<50])).code == .ok)
        #expect(client.close(handle).message == "incomplete: bytes 50-99 are missing")
        #expect(client.size("/a") == 50)
    }

    @Test func anEarlierUploadStaysWhenAnotherOneInItsPlaceIsTooLarge() {
        let client = Conversation(maxFile: 120)
        client.store.partials["a"] = .init(bytes: Self.old, known: 100)
        let handle = client.opened("/a", [.write, .create])
        #expect(client.write(handle, 0, sample(130)).code == .failure)
        #expect(client.close(handle).code == .failure)
        #expect(client.store.partials["a"] == .init(bytes: Self.old, known: 100))
        #expect(client.store.open.isEmpty)
    }

    @Test func aWholeUploadUnderATemporaryNameStaysWhenMoreOfItIsTooLarge() {
        let client = Conversation(maxFile: 120)
        client.store.partials["a.part"] = .init(bytes: Self.old, known: 100, isWhole: true)
        let handle = client.opened("/a.part", [.write, .create])
        #expect(client.write(handle, 100, sample(21)).code == .failure)
        #expect(client.close(handle).code == .failure)
        #expect(client.store.partials["a.part"] == .init(bytes: Self.old, known: 100, isWhole: true))
    }

    /// It can never be whole, and would count against its account for as long as it waits.
    @Test(arguments: [21, 130])
    func anEarlierUploadThatGoesOnBeyondTheLimitIsGivenUp(_ more: Int) {
        let client = Conversation(maxFile: 120)
        client.store.partials["a"] = .init(bytes: Self.old, known: 100)
        let handle = client.opened("/a", [.write, .create])
        #expect(client.write(handle, 100, sample(more)).code == .failure)
        #expect(client.close(handle).code == .failure)
        #expect(client.reports.map(\.reason) == [.tooLarge])
        #expect(client.reports.first?.message.contains("given up") == true)
        #expect(client.store.partials.isEmpty && client.store.open.isEmpty)
    }

    @Test func aFailedBeginningFailsTheWriteAndTheClose() {
        let client = sender(.interrupted)
        client.store.failure = (
            { if case .begin = $0 { true } else { false } }, StoreError(.other, "no room")
        )
        let handle = client.opened("/a", [.write, .create])
        #expect(client.write(handle, 0, sample(5)).message == "no room")
        #expect(client.write(handle, 5, sample(5)).message == "no room")
        #expect(client.close(handle).message == "no room")
        #expect(client.store.partials["a"] == .init(bytes: Self.old, known: 100))
        #expect(client.store.open.isEmpty && client.store.releases.isEmpty)
    }

    // MARK: Any sequence

    /// One try at sending a file of its own bytes.
    private struct Attempt {
        /// Where it went on with what it met, if it did.
        var resumedAt: Int?
        var code: StatusCode?
    }

    @Test(arguments: 0..<400) func whatIsDeliveredIsOneUploadOrTheExactRestOfOne(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed) &+ 7000)
        var store = MemoryStore()
        var attempts: [Attempt] = []
        for number in 0..<14 {
            let client = Conversation()
            client.store = store
            let before = store.releases.count
            attempts.append(attempt(number, client, &random))
            store = client.store
            #expect(store.open.isEmpty)
            for release in store.releases[before...] { check(release.bytes, attempts) }
        }
    }

    private func data(_ number: Int) -> [UInt8] { sample(600, seed: number &* 17 &+ 3) }

    /// Every byte tells which attempt wrote it: they follow one another, each where it resumed.
    private func check(_ bytes: [UInt8], _ attempts: [Attempt]) {
        let all = attempts.indices.map(data)
        var writer: Int?
        for (position, byte) in bytes.enumerated() {
            guard let next = all.indices.first(where: { all[$0][position] == byte }) else {
                Issue.record("byte \(position) is nobody's")
                return
            }
            if let writer, next != writer {
                #expect(
                    next > writer && attempts[next].resumedAt == position, "\(writer), \(next) at \(position)"
                )
            }
            writer = next
        }
    }

    private func attempt(_ number: Int, _ client: Conversation, _ random: inout SplitMix) -> Attempt {
        var attempt = Attempt()
        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
        if chance(3) { _ = client.path(.stat, "/a") }
        var flags: OpenFlags = [.write, .create]
        if chance(4) { flags.insert(.truncate) }
        let appends = chance(5)
        if appends { flags.insert(.append) }
        guard case .handle(let handle) = client.open("/a", flags) else { return attempt }
        let met = client.store.open.values.first.map { $0.isEarlier ? $0.partial.known : 0 } ?? 0
        if chance(4) { _ = client.ask(.fstat, Fields().string(handle)) }
        var end = met
        if chance(6) {
            end = Int.random(in: 0...150, using: &random)
            #expect(client.fsetstat(handle, size: UInt64(end)).code == .ok)
        }
        if !chance(7) {
            var offset =
                [0, 0, met, met, min(met, end), Int.random(in: 0...120, using: &random)]
                .randomElement(using: &random) ?? 0
            if appends { offset = end }
            if offset > 0, offset == min(met, end) { attempt.resumedAt = offset }
            write(data(number), from: offset, jumps: !appends, to: handle, client, &random)
        }
        if chance(6) { _ = client.fsetstat(handle, size: UInt64.random(in: 0...100, using: &random)) }
        if chance(3) { client.hangUp() } else { attempt.code = client.close(handle).code }
        return attempt
    }

    /// Some pieces, mostly in order, some of them in one stretch of input.
    private func write(
        _ data: [UInt8], from start: Int, jumps: Bool, to handle: [UInt8], _ client: Conversation,
        _ random: inout SplitMix
    ) {
        var offset = start
        var input: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            if Int.random(in: 0..<6, using: &random) == 0 {
                input += client.writePacket(handle, UInt64(offset), [])
            }
            let count = Int.random(in: 1...40, using: &random)
            input += client.writePacket(handle, UInt64(offset), Array(data[offset..<offset + count]))
            offset += count
            if Bool.random(using: &random) {
                _ = client.feed(input)
                input = []
            }
            if jumps, Int.random(in: 0..<8, using: &random) == 0 {
                offset = Int.random(in: 0...150, using: &random)
            }
        }
        _ = client.feed(input)
    }
}
