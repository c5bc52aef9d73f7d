// Partial uploads on a real file system: what is believed after a crash, what is locked, and that no link is
// ever followed.
import Admission
import Foundation
import Staging
import Support
import TLS
import Testing

@Suite struct PartialStoreTests {
    private let home: TemporaryDirectory
    private let store: PartialStore

    init() throws {
        home = try TemporaryDirectory("partials")
        store = try PartialStore(incoming: home.path)
    }

    private var now: Instant { Instant(microseconds: 1_795_424_580_000_000) }

    /// Drop ids that sort by `order`.
    private func drop(_ order: Int64 = 1) -> String { DropID.make(milliseconds: 1_795_424_580_000 + order) }

    private func create(_ path: String, _ order: Int64 = 1) throws -> PartialFile {
        try store.create(path, drop: drop(order), modified: nil, now: now)
    }

    private func write(_ file: PartialFile, _ text: String, at offset: Int64) throws {
        try Array(text.utf8).withUnsafeBytes { try file.write($0, [0..<$0.count], at: offset) }
    }

    private func sha256(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).hex
    }

    /// What a session that was killed leaves: the files without their lock.
    private func killed(_ path: String, order: Int64 = 1, _ change: (PartialFile) throws -> Void) throws
        -> String
    {
        let file = try create(path, order)
        try change(file)
        return file.drop
    }

    private func standing(_ drop: String) throws -> PartialSidecar.Standing? {
        try PartialStore(incoming: home.path).summary(drop)?.standing
    }

    private func isUndecidable(_ drop: String) throws -> Bool {
        if case .undecidable = try standing(drop) { true } else { false }
    }

    private func path(_ text: String) throws -> DropPath { try #require(DropPath(text)) }

    private func code(_ body: () throws(StagingError) -> Void) -> StagingError.Code? {
        do throws(StagingError) {
            try body()
            return nil
        } catch {
            return error.code
        }
    }

    // MARK: The sweep

    /// By its time and not by its id, which lies ahead of the clock where that was ahead before.
    @Test(arguments: [(age: Double(0), isLive: true), (age: 60, isLive: false)])
    func aPartialWithoutASidecarIsLeftAloneWhileItIsJustBeingMade(age: Double, isLive: Bool) throws {
        let drop = DropID.make(milliseconds: Instant.now().microseconds / 1000 + 86_400_000)
        let part = "\(home.path)/parts/\(drop).part"
        try Data().write(to: URL(filePath: part))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: part)
        #expect(try store.summaries().map(\.isLive) == [isLive])
    }

    // MARK: The kill -9 rule

    @Test func afterAKillTheLengthTellsWhatHasArrived() throws {
        let drop = try killed("a.xml") { try write($0, "hello", at: 0) }
        #expect(try standing(drop) == .resumable(bytes: 5))
        let held = try #require(try store.hold(drop))
        #expect(held.bytes == 5 && !held.isWhole && held.file.path == "a.xml")
    }

    @Test func afterAKillDataOutOfOrderIsUndecidable() throws {
        let drop = try killed("a.xml") { file in
            try file.leaveSequence()
            try write(file, "hello", at: 100)
        }
        #expect(try isUndecidable(drop))
        #expect(try store.hold(drop) == nil)
    }

    @Test func aLongerLengthIsUndecidableToo() throws {
        let drop = try killed("a.xml") { file in
            try write(file, "hello", at: 0)
            try file.resize(to: 100)
        }
        #expect(try isUndecidable(drop))
    }

    @Test func anOrderlyEndNotesTheExtents() throws {
        let drop = try killed("a.xml") { file in
            try write(file, "hello", at: 0)
            try file.leaveSequence()
            try write(file, "world", at: 10)
            try file.keep([0..<5, 10..<15], modified: 7)
        }
        #expect(try standing(drop) == .resumable(bytes: 5))
        let held = try #require(try store.hold(drop))
        #expect(held.file.sidecar.modified == 7 && held.bytes == 5)
        try store.resume(held, at: 5, modified: nil)
        #expect(held.file.sidecar.modified == 7)
        // What comes after the gap will be sent again, so it goes.
        #expect(try held.file.status().bytes == 5)
        try write(held.file, "more!", at: 5)
        #expect(try held.file.sha256(of: 10) == sha256("hellomore!"))
    }

    @Test func aRestartOfTheMachineMakesALengthUndecidable() throws {
        let drop = try killed("a.xml") { try write($0, "hello", at: 0) }
        let sidecar = home.file("parts/\(drop).json")
        let text = try String(contentsOfFile: sidecar, encoding: .utf8)
        let boot = try #require(try JSONDecoder().decode(PartialSidecar.self, from: Data(text.utf8)).boot)
        try text.replacingOccurrences(of: boot, with: "another").write(
            toFile: sidecar, atomically: true, encoding: .utf8)
        #expect(try isUndecidable(drop))
    }

    @Test(arguments: [("a", nil), (nil, "a"), (nil, nil)] as [(String?, String?)])
    func whereTheStartsOfTheMachineAreNotKnownNobodySaysThatItRestarted(then: String?, today: String?) {
        let sidecar = PartialSidecar(drop: drop(), path: "a", started: now, boot: then)
        guard case .undecidable(let why) = sidecar.standing(bytes: 5, boot: today) else {
            Issue.record("it was believed")
            return
        }
        #expect(why.contains("is not known") && why.contains("boot_id"), "\(why)")
    }

    @Test(arguments: [
        "", "{", "[]", "{\"version\":2}",
        "{\"drop\":\"x\",\"path\":\"a.xml\",\"sequential\":true,\"started\":\"2026-11-23T00:00:00Z\",\"state\":\"open\",\"version\":1}",
    ])
    func aSidecarThatCannotBeReadIsUndecidable(_ text: String) throws {
        let drop = try killed("a.xml") { try write($0, "hello", at: 0) }
        try text.write(toFile: home.file("parts/\(drop).json"), atomically: false, encoding: .utf8)
        #expect(try isUndecidable(drop))
        #expect(try PartialStore(incoming: home.path).hold(drop) == nil)
    }

    @Test(
        arguments: [
            [[0, 6]], [[-1, 5]], [[0, 5], [4, 5]], [[3, 3]], [[0, 2], [2, 4]], [[0]], [[5, 0]], [[0, .max]],
        ] as [[[Int64]]])
    func extentsThatContradictTheLengthAreUndecidable(_ extents: [[Int64]]) {
        var sidecar = PartialSidecar(drop: drop(), path: "a", started: now, boot: "b")
        sidecar.extents = extents
        guard case .undecidable = sidecar.standing(bytes: 5, boot: "b") else {
            Issue.record("\(extents) was believed")
            return
        }
    }

    @Test func aWholeUploadMustHaveItsLength() {
        var sidecar = PartialSidecar(drop: drop(), path: "a", started: now, boot: nil)
        sidecar.state = .whole
        sidecar.extents = [[0, 5]]
        #expect(sidecar.standing(bytes: 5, boot: "b") == .whole(bytes: 5))
        guard case .undecidable = sidecar.standing(bytes: 6, boot: "b") else {
            Issue.record("it was believed")
            return
        }
    }

    // MARK: Bytes and digest

    @Test func theDigestIsRightWhateverTheOrder() throws {
        let text = String((0..<3000).map { _ in "abcdefghijklmnopqrstuvwxyz".randomElement() ?? "a" })
        let bytes = Array(text.utf8)
        var random = SplitMix(seed: 5)
        for round in 0..<30 {
            let file = try create("\(round)", Int64(round))
            var pieces = stride(from: 0, to: 3000, by: 100).map { $0..<$0 + 100 }
            if round > 0 { pieces.shuffle(using: &random) }
            if round > 20 { pieces.append(0..<100) }
            for piece in pieces {
                try bytes.withUnsafeBytes { base in
                    try file.write(
                        base,
                        [piece.lowerBound..<piece.lowerBound + 40, piece.lowerBound + 40..<piece.upperBound],
                        at: Int64(piece.lowerBound))
                }
            }
            if round % 2 == 0 { try file.catchUp(to: 3000, limit: 700) }
            #expect(try file.sha256(of: 3000) == sha256(text))
        }
    }

    @Test func cuttingAFileCutsItsDigest() throws {
        let file = try create("a")
        try write(file, "hello world", at: 0)
        try file.resize(to: 5)
        #expect(try file.sha256(of: 5) == sha256("hello"))
    }

    private func whole(_ path: String, _ text: String) throws -> String {
        try killed(path) { file in
            try write(file, text, at: 0)
            let size = Int64(text.utf8.count)
            try file.keepWhole(size: size, sha256: file.sha256(of: size), modified: nil)
        }
    }

    @Test func aWholeUploadKeepsItsDigest() throws {
        let held = try #require(try store.hold(whole("a.tmp", "hello")))
        #expect(held.isWhole && held.bytes == 5)
        #expect(try held.file.sha256(of: 5) == sha256("hello"))
        try store.resume(held, at: 2, modified: nil)
        #expect(try held.file.sha256(of: 2) == sha256("he"))
    }

    @Test func theDigestOfAWholeUploadIsNotThatOfWhatIsAddedToIt() throws {
        let drop = try whole("a.tmp", "hello")
        do {
            let held = try #require(try store.hold(drop))
            try write(held.file, " world", at: 5)
            #expect(try held.file.sha256(of: 11) == sha256("hello world"))
        }
        #expect(try standing(drop) == .resumable(bytes: 11))
    }

    @Test func theDigestOfAWholeUploadIsNotThatOfWhatIsWrittenOverIt() throws {
        let held = try #require(try store.hold(whole("a.tmp", "hello")))
        try held.file.leaveSequence()
        try write(held.file, "J", at: 0)
        #expect(try held.file.sha256(of: 5) == sha256("Jello"))
    }

    @Test func theDigestOfAWholeUploadIsNotThatOfItsBeginning() throws {
        let drop = try whole("a.tmp", "hello")
        do {
            let held = try #require(try store.hold(drop))
            try held.file.resize(to: 4)
            #expect(try held.file.sha256(of: 4) == sha256("hell"))
        }
        #expect(try standing(drop) == .resumable(bytes: 4))
    }

    // MARK: Locks and names

    @Test func whatASessionWritesNobodyElseTakes() throws {
        let file = try create("a.xml")
        try write(file, "hello", at: 0)
        let other = try PartialStore(incoming: home.path)
        #expect(try other.hold(file.drop) == nil)
        #expect(try other.summary(file.drop)?.isLive == true)
        #expect(try other.summaries().map(\.isLive) == [true])
        #expect(try other.remove(file.drop) == false)
        #expect(try other.locked(file.drop) == nil)
        file.release()
        #expect(try other.hold(file.drop)?.bytes == 5)
    }

    @Test func oneDropHasOneUpload() throws {
        let file = try create("a")
        #expect(throws: StagingError.self) {
            try store.create("b", drop: file.drop, modified: nil, now: now)
        }
        #expect(file.path == "a")
        #expect(try store.summaries().map(\.path) == ["a"])
    }

    @Test func summariesAreOldestFirst() throws {
        for order in [3, 1, 2] as [Int64] {
            _ = try killed("a\(order)", order: order) { try write($0, "hello", at: 0) }
        }
        #expect(try store.summaries().map(\.path) == ["a1", "a2", "a3"])
        #expect(try store.summaries().map(\.bytes) == [5, 5, 5])
    }

    @Test(arguments: ["", "x", "..", "../parts/x", "/etc/passwd", String(repeating: "0", count: 25)])
    func whatIsNoDropIsNotThere(_ drop: String) throws {
        #expect(try store.hold(drop) == nil)
        #expect(try store.summary(drop) == nil)
        #expect(try store.remove(drop) == false)
        #expect(try store.hold(self.drop(5)) == nil)
    }

    @Test func aNewNameIsKept() throws {
        let drop = try killed("a.tmp") { file in
            try write(file, "hello", at: 0)
            try file.rename(to: "d/b")
            try file.setModified(9)
        }
        let summary = try #require(try store.summary(drop))
        #expect(summary.path == "d/b" && summary.modified == 9 && summary.standing == .resumable(bytes: 5))
    }

    @Test func whatIsSealedIsNotTouched() throws {
        let drop = try killed("a") { file in
            try write(file, "hello", at: 0)
            try file.seal()
        }
        #expect(try store.hold(drop) == nil)
        #expect(try standing(drop) == .sealed)
        #expect(try store.summary(drop)?.path == "a")
        try store.removeOrphans()
        #expect(try standing(drop) == .sealed)
        try FileManager.default.removeItem(atPath: home.file("parts/\(drop).part"))
        try store.removeOrphans()
        #expect(home.files(under: "parts").isEmpty)
    }

    @Test func aReleaseThatFailedIsUnsealed() throws {
        let drop = try killed("a") { file in
            try write(file, "hello", at: 0)
            try file.seal()
            try file.unseal()
        }
        #expect(try store.hold(drop)?.bytes == 5)
    }

    @Test func orphansGoAndEverythingElseStays() throws {
        let drop = try killed("a") { try write($0, "hello", at: 0) }
        let gone = self.drop(7)
        for name in ["\(gone).json", "\(gone).sealed", "\(gone).new", "notes.txt", "\(drop).new"] {
            try Data().write(to: URL(filePath: home.file("parts/\(name)")))
        }
        try store.removeOrphans()
        #expect(home.files(under: "parts") == ["\(drop).json", "\(drop).new", "\(drop).part", "notes.txt"])
        #expect(try standing(drop) == .resumable(bytes: 5))
    }

    @Test func spellingsOfOneLetterAreDifferentNames() throws {
        let drops = try [("\u{e9}", 1), ("e\u{301}", 2)].map { name, order in
            try killed(name, order: order) { try write($0, "one", at: 0) }
        }
        #expect(try drops.map { try Array(store.summary($0)?.path?.utf8 ?? "".utf8).count } == [2, 3])
        try store.makeDirectory(path("\u{e9}"))
        try store.makeDirectory(path("e\u{301}"))
        #expect(try store.directories().count == 3)
    }

    @Test func whatIsLockedForQuarantineNobodyElseTakes() throws {
        let drop = try killed("a") { try write($0, "hello", at: 0) }
        let other = try PartialStore(incoming: home.path)
        let file = try #require(try store.locked(drop))
        #expect(try other.locked(drop) == nil && other.hold(drop) == nil && other.remove(drop) == false)
        withExtendedLifetime(file) {}
        #expect(try store.locked(self.drop(9)) == nil)
    }

    @Test func removingTakesTheBytesAndTheSidecar() throws {
        let drop = try killed("a") { try write($0, "hello", at: 0) }
        #expect(try store.remove(drop))
        #expect(home.files(under: "parts").isEmpty)
        #expect(try store.remove(drop) == false)
    }

    @Test func lookingTakesNoLock() throws {
        let drop = try killed("a") { try write($0, "hello", at: 0) }
        _ = try store.summaries()
        let held = try #require(try store.hold(drop))
        let other = try PartialStore(incoming: home.path)
        #expect(try other.hold(drop) == nil)
        #expect(try other.summary(drop)?.isLive == true)
        withExtendedLifetime(held) {}
    }

    // MARK: Directories

    @Test func directoriesAreMadeListedAndRemoved() throws {
        try store.makeDirectory(path("a/b/c"))
        try store.makeDirectory(path("a/b"))
        try store.makeDirectory(path("a-b"))
        #expect(try store.directories().map(\.path.text) == ["", "a", "a/b", "a/b/c", "a-b"])
        #expect(
            code { () throws(StagingError) in try store.removeDirectory(DropPath.root.child(Array("a".utf8)))
            } == .exists)
        for name in ["a/b/c", "a/b", "a", "a"] { try store.removeDirectory(path(name)) }
        #expect(try store.directories().map(\.path.text) == ["", "a-b"])
        #expect(code { () throws(StagingError) in try store.removeDirectory(.root) } == .badPath)
        #expect(try store.directories().allSatisfy { $0.modified > 1_700_000_000 })
    }

    @Test func whatIsNoDirectoryInTheTreeGoes() throws {
        try store.makeDirectory(path("a/b"))
        for mark in ["x", "a/x", "a/b/x"] {
            try Data("1".utf8).write(to: URL(filePath: home.file("tree/" + mark)))
        }
        #expect(try store.directories().map(\.path.text) == ["", "a", "a/b"])
        #expect(home.files(under: "tree").isEmpty)
    }

    @Test func aFileInTheWayIsNoDirectory() throws {
        try Data().write(to: URL(filePath: home.file("tree/x")))
        #expect(throws: StagingError.self) { try store.makeDirectory(path("x")) }
        #expect(throws: StagingError.self) { try store.makeDirectory(path("x/y")) }
    }

    // MARK: Links

    @Test func noLinkInTheTreeIsFollowed() throws {
        let outside = try TemporaryDirectory("outside")
        try FileManager.default.createDirectory(atPath: outside.file("d"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(
            atPath: home.file("tree/link"), withDestinationPath: outside.path)
        #expect(throws: StagingError.self) { try store.makeDirectory(path("link")) }
        #expect(throws: StagingError.self) { try store.makeDirectory(path("link/new")) }
        #expect(throws: StagingError.self) { try store.removeDirectory(path("link/d")) }
        #expect(throws: StagingError.self) { try store.removeDirectory(path("link")) }
        #expect(try store.directories().map(\.path.text) == [""])
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path) == ["d"])
    }

    @Test func noLinkAmongThePartsIsFollowed() throws {
        let outside = try TemporaryDirectory("outside")
        try "secret".write(toFile: outside.file("secret"), atomically: true, encoding: .utf8)
        let drop = try killed("a") { try write($0, "hello", at: 0) }
        let part = home.file("parts/\(drop).part")
        try FileManager.default.removeItem(atPath: part)
        try FileManager.default.createSymbolicLink(atPath: part, withDestinationPath: outside.file("secret"))
        #expect(try store.hold(drop) == nil)
        #expect(try store.summaries().isEmpty)
        #expect(try store.remove(drop) == false)
        #expect(try store.locked(drop) == nil)
        #expect(try String(contentsOfFile: outside.file("secret"), encoding: .utf8) == "secret")

        let planted = self.drop(9)
        try FileManager.default.createSymbolicLink(
            atPath: home.file("parts/\(planted).json"), withDestinationPath: outside.file("secret"))
        #expect(throws: StagingError.self) {
            try store.create("b", drop: planted, modified: nil, now: now)
        }
        #expect(try String(contentsOfFile: outside.file("secret"), encoding: .utf8) == "secret")
    }

    @Test(arguments: ["parts", "tree", "claimed"])
    func incomingThatIsALinkInsideStagingIsRefused(_ name: String) throws {
        let outside = try TemporaryDirectory("outside")
        let other = try TemporaryDirectory("account")
        try FileManager.default.createSymbolicLink(
            atPath: other.file(name), withDestinationPath: outside.path)
        #expect(throws: StagingError.self) { try PartialStore(incoming: other.path) }
    }

    @Test(arguments: ["incoming", "incoming/sftp", "incoming/sftp/acme"])
    func noLinkInStagingLeadsToAnAccountsDirectory(_ name: String) throws {
        let outside = try TemporaryDirectory("outside")
        let other = try TemporaryDirectory("staging")
        let place = other.file(name)
        let above = (place as NSString).deletingLastPathComponent
        for path in [outside.file("sftp/acme"), outside.file("acme"), above] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: outside.path)
        let error = #expect(throws: StagingError.self) {
            try PartialStore(incoming: other.file("incoming/sftp/acme"))
        }
        #expect(error?.code == .obstructed)
        // Staging itself may lie at the end of one.
        try FileManager.default.removeItem(atPath: place)
        try FileManager.default.createDirectory(
            atPath: other.file("incoming/sftp"), withIntermediateDirectories: true)
        let link = outside.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: other.path)
        _ = try PartialStore(incoming: link + "/incoming/sftp/acme")
    }

    @Test func aWholeUploadThatIsWrittenOverOutOfOrderIsNotBelievedAfterACrash() throws {
        let drop = try killed("x.part") { file in
            try write(file, "first file", at: 0)
            try file.keepWhole(size: 10, sha256: file.sha256(of: 10), modified: nil)
            try file.leaveSequence()
            try write(file, "other", at: 0)
        }
        #expect(try isUndecidable(drop), "five bytes are of one file, five of another")
    }
}
