// Partial uploads on a real file system: what is believed after a crash, what is locked, and that no link is
// ever followed.
import Admission
import Crypto
import Foundation
import Staging
import Support
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
        SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
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
        try PartialStore(incoming: home.path).summaries().first { $0.drop == drop }?.standing
    }

    // MARK: The sweep

    @Test(arguments: [(age: Int64(0), isLive: true), (age: 60_000, isLive: false)])
    func aPartialWithoutASidecarIsLeftAloneWhileItIsJustBeingMade(age: Int64, isLive: Bool) throws {
        let drop = DropID.make(milliseconds: Instant.now().microseconds / 1000 - age)
        try Data().write(to: URL(filePath: "\(home.path)/parts/\(drop).part"))
        #expect(try store.summaries().map(\.isLive) == [isLive])
    }

    // MARK: The kill -9 rule

    @Test func afterAKillTheLengthTellsWhatHasArrived() throws {
        let drop = try killed("a.xml") { try write($0, "hello", at: 0) }
        #expect(try standing(drop) == .resumable(bytes: 5))
        #expect(try store.find("a.xml")?.bytes == 5)
    }

    @Test func afterAKillDataOutOfOrderIsUndecidable() throws {
        let drop = try killed("a.xml") { file in
            try file.leaveSequence()
            try write(file, "hello", at: 100)
        }
        guard case .undecidable = try standing(drop) else {
            Issue.record("it was believed")
            return
        }
        #expect(try store.find("a.xml") == nil)
        #expect(try store.acquire("a.xml") == nil)
    }

    @Test func aLongerLengthIsUndecidableToo() throws {
        let drop = try killed("a.xml") { file in
            try write(file, "hello", at: 0)
            try file.resize(to: 100)
        }
        guard case .undecidable = try standing(drop) else {
            Issue.record("it was believed")
            return
        }
    }

    @Test func anOrderlyEndNotesTheExtents() throws {
        let drop = try killed("a.xml") { file in
            try write(file, "hello", at: 0)
            try file.leaveSequence()
            try write(file, "world", at: 10)
            try file.keep([0..<5, 10..<15], modified: 7)
        }
        #expect(try standing(drop) == .resumable(bytes: 5))
        let held = try #require(try store.acquire("a.xml"))
        #expect(held.info.modified == 7)
        #expect(try store.resume(held, limit: nil, modified: nil) == 5)
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
        guard case .undecidable = try standing(drop) else {
            Issue.record("it was believed")
            return
        }
    }

    @Test(arguments: [
        "", "{", "[]", "{\"version\":2}",
        "{\"drop\":\"x\",\"path\":\"a.xml\",\"sequential\":true,\"started\":\"2026-11-23T00:00:00Z\",\"state\":\"open\",\"version\":1}",
    ])
    func aSidecarThatCannotBeReadIsUndecidable(_ text: String) throws {
        let drop = try killed("a.xml") { try write($0, "hello", at: 0) }
        try text.write(toFile: home.file("parts/\(drop).json"), atomically: false, encoding: .utf8)
        guard case .undecidable = try standing(drop) else {
            Issue.record("it was believed")
            return
        }
        #expect(try PartialStore(incoming: home.path).find("a.xml") == nil)
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

    @Test func aWholeUploadKeepsItsDigest() throws {
        _ = try killed("a.tmp") { file in
            try write(file, "hello", at: 0)
            try file.keepWhole(size: 5, sha256: file.sha256(of: 5), modified: nil)
        }
        let held = try #require(try store.acquire("a.tmp"))
        #expect(held.info.isWhole)
        #expect(try held.file.sha256(of: 5) == sha256("hello"))
        _ = try store.resume(held, limit: 2, modified: nil)
        #expect(try held.file.sha256(of: 2) == sha256("he"))
    }

    // MARK: Locks and names

    @Test func anUploadThatIsBeingWrittenDoesNotShow() throws {
        let file = try create("a.xml")
        try write(file, "hello", at: 0)
        let other = try PartialStore(incoming: home.path)
        #expect(try other.find("a.xml") == nil)
        #expect(try other.uploads(in: "").isEmpty)
        #expect(try other.summaries().map(\.isLive) == [true])
        #expect(try other.remove(file.drop) == false)
        withExtendedLifetime(file) {}
    }

    @Test func theNewestThatCanBeResumedShows() throws {
        _ = try killed("a", order: 1) { try write($0, "one", at: 0) }
        _ = try killed("a", order: 2) { try write($0, "three", at: 0) }
        _ = try killed("a", order: 3) { file in
            try file.leaveSequence()
            try write(file, "x", at: 9)
        }
        #expect(try store.find("a")?.bytes == 5)
        #expect(try store.uploads(in: "").map(\.bytes) == [5])
    }

    @Test func onlyOlderUploadsOfTheSamePathAreRemoved() throws {
        let old = try killed("a", order: 1) { try write($0, "one", at: 0) }
        let other = try killed("b", order: 2) { try write($0, "one", at: 0) }
        let newer = try killed("a", order: 4) { try write($0, "one", at: 0) }
        try store.removeOlder(than: drop(3), path: "a")
        #expect(try store.summaries().map(\.drop) == [other, newer])
        #expect(!FileManager.default.fileExists(atPath: home.file("parts/\(old).json")))
    }

    @Test func whatIsSealedIsNotTouched() throws {
        let drop = try killed("a") { file in
            try write(file, "hello", at: 0)
            try file.seal()
        }
        #expect(try store.find("a") == nil)
        #expect(try standing(drop) == .sealed)
        try store.removeOrphans()
        #expect(try standing(drop) == .sealed)
        try FileManager.default.removeItem(atPath: home.file("parts/\(drop).part"))
        try store.removeOrphans()
        #expect(home.files(under: "parts").isEmpty)
    }

    @Test func aReleaseThatFailedIsUnsealed() throws {
        _ = try killed("a") { file in
            try write(file, "hello", at: 0)
            try file.seal()
            try file.unseal()
        }
        #expect(try store.find("a")?.bytes == 5)
    }

    @Test func spellingsOfOneLetterAreDifferentUploads() throws {
        _ = try killed("\u{e9}") { try write($0, "one", at: 0) }
        #expect(try store.find("\u{e9}") != nil)
        #expect(try store.find("e\u{301}") == nil)
    }

    @Test func quarantineTakesTheBytesAndTheSidecar() throws {
        let drop = try killed("a") { try write($0, "hello", at: 0) }
        let quarantine = try Directory(path: home.file("quarantine"), create: true)
        #expect(try store.quarantine(drop, in: quarantine, as: "x"))
        #expect(home.files(under: "parts").isEmpty)
        #expect(try String(contentsOfFile: home.file("quarantine/x"), encoding: .utf8) == "hello")
        #expect(try store.quarantine(drop, in: quarantine, as: "y") == false)
    }

    @Test func lookingTakesNoLock() throws {
        _ = try killed("a") { try write($0, "hello", at: 0) }
        let held = try #require(try store.acquire("a"))
        let other = try PartialStore(incoming: home.path)
        #expect(try other.acquire("a") == nil)
        #expect(try other.find("a") == nil)
        withExtendedLifetime(held) {}
    }

    // MARK: Released files

    @Test func aMarkHasSizeAndTimeAndNoBytes() throws {
        try store.makeDirectory("d")
        try store.show("d/a", bytes: 1 << 40, modified: 1_600_000_000)
        let shown = try #require(try store.shown("d/a"))
        #expect(shown == (1 << 40, 1_600_000_000))
        #expect(try store.shown(in: "d").map(\.name) == ["a"])
        try store.setShownTime("d/a", modified: 5)
        try store.renameShown("d/a", to: "b")
        #expect(try store.shown("d/a") == nil)
        #expect(try store.shown("b")?.modified == 5)
        try store.show("b", bytes: 3, modified: nil)
        #expect(try store.shown("b")?.bytes == 3)
        #expect(throws: StagingError.self) { try store.makeDirectory("b") }
        #expect(try store.hide("b"))
        #expect(try store.hide("b") == false)
        #expect(try store.hide("d") == false)
        #expect(try store.shown("none/a") == nil)
    }

    @Test func marksGoWithTheLastSession() throws {
        try store.makeDirectory("d")
        try store.show("d/left by a crash", bytes: 1, modified: nil)
        try store.joinView()
        #expect(try store.shown("d/left by a crash") == nil)
        let other = try PartialStore(incoming: home.path)
        try other.joinView()
        try other.show("d/a", bytes: 1, modified: nil)
        try other.leaveView()
        #expect(try store.shown("d/a") != nil)
        try store.leaveView()
        #expect(try store.shown("d/a") == nil)
        #expect(try store.directory("d") != nil)
    }

    @Test func oldMarksAreForgotten() throws {
        try store.show("a", bytes: 1, modified: 5)
        try store.forgetShown(changedBefore: 1000)
        #expect(try store.shown("a") != nil)
        try store.forgetShown(changedBefore: .max)
        #expect(try store.shown("a") == nil)
    }

    // MARK: Directories

    @Test func directoriesAreMadeListedRenamedAndRemoved() throws {
        try store.makeDirectory("a")
        try store.makeDirectory("a/b")
        #expect(try store.directories(in: "a").map(\.name) == ["b"])
        #expect(throws: StagingError.self) { try store.makeDirectory("a") }
        #expect(throws: StagingError.self) { try store.makeDirectory("x/y") }
        #expect(throws: StagingError.self) { try store.removeDirectory("a") }
        try store.renameDirectory("a/b", to: "c")
        try store.removeDirectory("a")
        #expect(try store.directory("c") != nil)
        #expect(try store.directory("a") == nil)
        #expect(try store.directory("") != nil)
    }

    @Test func anUploadNeedsItsDirectoryAndANameOfItsOwn() throws {
        try store.makeDirectory("a")
        #expect(throws: StagingError.self) { try create("x/y") }
        #expect(throws: StagingError.self) { try create("a") }
        _ = try killed("a/b") { _ in }
        #expect(throws: StagingError.self) { try store.makeDirectory("a/b") }
        #expect(throws: StagingError.self) { try store.removeDirectory("a") }
        #expect(throws: StagingError.self) { try store.renameDirectory("a", to: "c") }
    }

    @Test(arguments: ["..", "../x", "a/../x", "/x", "a//b", "./x", "x/", "a/./b", ".", "x\u{0}y"])
    func aPathThatIsNotNormalisedIsRefused(_ path: String) throws {
        try store.makeDirectory("a")
        #expect(throws: StagingError.self) { try create(path) }
        #expect(throws: StagingError.self) { try store.makeDirectory(path) }
        #expect(throws: StagingError.self) { try store.directories(in: path) }
        #expect(home.files(under: "parts").isEmpty)
    }

    // MARK: Links

    @Test func noLinkInTheTreeIsFollowed() throws {
        let outside = try TemporaryDirectory("outside")
        try FileManager.default.createDirectory(atPath: outside.file("d"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(
            atPath: home.file("tree/link"), withDestinationPath: outside.path)
        #expect(try store.directory("link") == nil)
        #expect(try store.directory("link/d") == nil)
        #expect(try store.directories(in: "").isEmpty)
        #expect(throws: StagingError.self) { try store.directories(in: "link") }
        #expect(throws: StagingError.self) { try store.makeDirectory("link/new") }
        #expect(throws: StagingError.self) { try store.removeDirectory("link/d") }
        #expect(throws: StagingError.self) { try store.removeDirectory("link") }
        #expect(throws: StagingError.self) { try store.renameDirectory("link/d", to: "x") }
        #expect(throws: StagingError.self) { try create("link/a") }
        #expect(throws: StagingError.self) { try store.show("link", bytes: 1, modified: nil) }
        #expect(throws: StagingError.self) { try store.show("link/a", bytes: 1, modified: nil) }
        #expect(try store.shown("link") == nil)
        try store.forgetShown(changedBefore: .max)
        #expect(FileManager.default.fileExists(atPath: outside.file("d")))
    }

    @Test func noLinkAmongThePartsIsFollowed() throws {
        let outside = try TemporaryDirectory("outside")
        try "secret".write(toFile: outside.file("secret"), atomically: true, encoding: .utf8)
        let drop = try killed("a") { try write($0, "hello", at: 0) }
        let part = home.file("parts/\(drop).part")
        try FileManager.default.removeItem(atPath: part)
        try FileManager.default.createSymbolicLink(atPath: part, withDestinationPath: outside.file("secret"))
        #expect(try store.find("a") == nil)
        #expect(try store.summaries().isEmpty)
        #expect(try store.remove(drop) == false)
        #expect(try String(contentsOfFile: outside.file("secret"), encoding: .utf8) == "secret")

        let planted = self.drop(9)
        try FileManager.default.createSymbolicLink(
            atPath: home.file("parts/\(planted).json"), withDestinationPath: outside.file("secret"))
        #expect(throws: StagingError.self) {
            try store.create("b", drop: planted, modified: nil, now: now)
        }
        #expect(try String(contentsOfFile: outside.file("secret"), encoding: .utf8) == "secret")
    }

    @Test func incomingThatIsALinkInsideStagingIsRefused() throws {
        let outside = try TemporaryDirectory("outside")
        let other = try TemporaryDirectory("account")
        try FileManager.default.createSymbolicLink(
            atPath: other.file("parts"), withDestinationPath: outside.path)
        #expect(throws: StagingError.self) { try PartialStore(incoming: other.path) }
    }
}
