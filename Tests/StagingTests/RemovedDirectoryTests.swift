// Directories of the gate's own that somebody removes while it runs, and what lies in the way of the files that it writes.
import Foundation
import Staging
import Support
import Testing

@Suite struct RemovedDirectoryTests {
    private let home: TemporaryDirectory
    private let area: StagingArea
    private static let now = "2026-11-23T09:04:00Z"

    init() throws {
        home = try TemporaryDirectory("removed")
        area = try StagingArea(path: home.path)
    }

    private var manager: FileManager { .default }

    private static func drop(_ number: Int) -> String {
        DropID.make(milliseconds: 1_795_424_580_000 + Int64(number))
    }

    private static func receipt(_ drop: String) -> Receipt {
        Receipt(
            drop: drop, channel: "sftp", name: "a.csv", file: "", bytes: 2, received: "2026-11-23T09:03:00Z")
    }

    enum Kind: CaseIterable, Sendable { case upload, event, manyEvents, lines }

    /// Releases drops of a kind; returns their ids and where they lie.
    private func release(_ kind: Kind, _ first: Int) throws -> [(id: String, readyPath: String)] {
        let drops = (first..<first + (kind == .manyEvents ? 40 : 1)).map(Self.drop)
        let events = drops.map { id in
            WebhookRelease(
                readyPath: "webhook/2026-11-23/0815\(first)-x-\(id).json", body: Array("{}".utf8),
                receipt: Self.receipt(id))
        }
        switch kind {
        case .event, .manyEvents: return try area.ready.release(events, now: Self.now)
        case .lines: return try area.ready.releaseTogether(events, now: Self.now)
        case .upload:
            let path = "sftp/acme/\(drops[0])"
            try area.ready.release(
                staged(drops[0]), readyPath: path, receipt: Self.receipt(drops[0]), now: Self.now)
            return [(drops[0], path)]
        }
    }

    private func staged(_ name: String) throws -> StagedFile {
        let directory = try area.uploads(of: "acme")
        try directory.createFile(name).write(Array("{}".utf8))
        return StagedFile(name, in: directory)
    }

    private func refusal(_ body: () throws -> Void) -> StagingError? {
        do { try body() } catch { return error as? StagingError }
        return nil
    }

    // MARK: Removed

    @Test(arguments: Kind.allCases, ["receipts", "incoming/webhook"])
    func aDirectoryOfWhichNothingCanBeLostIsMadeAnewByTheNextRelease(kind: Kind, name: String) throws {
        _ = try release(kind, 0)
        try manager.removeItem(atPath: home.file(name))
        for (id, path) in try release(kind, 100) {
            #expect(try area.ready.receipt(id, at: path)?.file == "ready/" + path)
            #expect(try area.ready.openReleased(path).size() > 0)
        }
        // Uploads do not go through the directory of events.
        guard kind != .upload || name == "receipts" else { return }
        let mode = try manager.attributesOfItem(atPath: home.file(name))[.posixPermissions] as? Int
        #expect(mode == 0o700)
        try area.ready.recover()
    }

    @Test func receiptsThatWereRemovedAndPutBackAreRead() throws {
        let drop = try release(.upload, 0)[0]
        let (receipts, backup) = (home.file("receipts"), home.file("backup"))
        try manager.copyItem(atPath: receipts, toPath: backup)
        try manager.removeItem(atPath: receipts)
        #expect(try area.ready.receipt(drop.id) == nil && !area.ready.hasReceipt(drop.id))
        #expect(!manager.fileExists(atPath: receipts), "a look makes nothing")
        try manager.copyItem(atPath: backup, toPath: receipts)
        #expect(try area.ready.receipt(drop.id)?.drop == drop.id && area.ready.hasReceipt(drop.id))
    }

    @Test(arguments: Kind.allCases, ["receipts", "ready", "incoming/webhook"])
    func whatWasMovedAwayIsWaitedForAndNothingIsWrittenElsewhere(kind: Kind, name: String) throws {
        // Uploads do not go through the directory of events.
        guard kind != .upload || name != "incoming/webhook" else { return }
        let (place, away) = (home.file(name), home.file("away"))
        try manager.moveItem(atPath: place, toPath: away)
        let before = try manager.subpathsOfDirectory(atPath: away).filter { !$0.contains("/") }
        let error = try #require(refusal { _ = try release(kind, 0) })
        #expect(
            error.code == .obstructed && error.message.hasPrefix("\(place) is not the directory"), "\(error)")
        #expect(!manager.fileExists(atPath: place))
        #expect(try manager.subpathsOfDirectory(atPath: away).filter { !$0.contains("/") } == before)
        try manager.moveItem(atPath: away, toPath: place)
        try area.ready.recover()
        for (id, path) in try release(kind, 100) {
            #expect(try area.ready.receipt(id, at: path)?.file == "ready/" + path)
        }
    }

    @Test(arguments: StagingLayout.directories.prefix(7))
    func whoLooksMakesNothing(name: String) throws {
        _ = try StagingArea(lookingInto: home.path)
        try manager.removeItem(atPath: home.file(name))
        let error = try #require(refusal { _ = try StagingArea(lookingInto: home.path) })
        #expect(error.code == .obstructed && error.message.hasPrefix(home.file(name)), "\(error)")
        #expect(!manager.fileExists(atPath: home.file(name)))
    }

    @Test(arguments: Kind.allCases)
    func whereReadyWasRemovedThatIsSaidAndNothingElse(kind: Kind) throws {
        try manager.removeItem(atPath: home.file("ready"))
        let error = try #require(refusal { _ = try release(kind, 0) })
        #expect(error.code == .obstructed)
        #expect(error.message.hasPrefix("\(home.path)/ready was removed"), "\(error)")
        #expect(!manager.fileExists(atPath: home.file("ready")))
    }

    /// `.notFound` would say that the drop's own file is gone.
    @Test func whereReceiptsCannotBeWrittenNoFileIsSaidToBeGone() throws {
        let file = try staged("a")
        try manager.moveItem(atPath: home.file("incoming/sftp/acme"), toPath: home.file("acme"))
        try manager.removeItem(atPath: home.file("incoming/sftp"))
        let error = refusal {
            try area.ready.release(
                file, readyPath: "sftp/acme/a", receipt: Self.receipt(Self.drop(1)), now: Self.now)
        }
        #expect(error?.code == .obstructed)
        #expect(error?.message.contains("the receipt of drop") == true, "\(error as Any)")
    }

    // MARK: In the way

    @Test func anEmptyDirectoryGivesWayToAReceiptAndOneWithSomethingInItIsNamed() throws {
        let drop = Self.drop(1)
        let place = home.file("incoming/sftp/\(drop).new")
        try manager.createDirectory(atPath: place + "/x", withIntermediateDirectories: true)
        let file = try staged("a")
        func show() throws {
            try area.ready.release(
                file, readyPath: "sftp/acme/a", receipt: Self.receipt(drop), now: Self.now)
        }
        let error = try #require(refusal(show))
        #expect(error.code == .obstructed && error.message.hasPrefix("\(place) is a directory"))
        #expect(error.fix == "move it away")
        try manager.removeItem(atPath: place + "/x")
        try show()
        #expect(try area.ready.hasReceipt(drop) && !manager.fileExists(atPath: place))
    }

    @Test func receiptsThatACrashLeftHalfWrittenAreNoAccountsAndGoAtAStart() throws {
        for name in ["\(Self.drop(1)).new", "acme", "other.new"] {
            try Data().write(to: URL(filePath: home.file("incoming/sftp/" + name)))
        }
        try manager.createDirectory(
            atPath: home.file("incoming/sftp/\(Self.drop(2)).new"), withIntermediateDirectories: false)
        #expect(try area.accounts() == ["acme", "other.new"])
        try area.removeNewReceipts()
        #expect(try area.uploads.names() == ["acme", "other.new"])
    }
}
