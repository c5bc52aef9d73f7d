// Released files that are taken back before a consumer has them: exactly that file or nothing, and through no link.
import Foundation
import Glibc
import Staging
import Support
import Synchronization
import Testing

@Suite struct UploadClaimTests {
    private let home: TemporaryDirectory
    private let area: StagingArea
    private let files: PartialStore
    private let drop = DropID.make(milliseconds: 1_795_424_580_000)

    init() throws {
        home = try TemporaryDirectory("claims")
        area = try StagingArea(path: home.path)
        files = try PartialStore(incoming: area.uploads(of: "acme").path)
    }

    private var manager: FileManager { .default }

    private func put(_ path: String, _ text: String) throws {
        let url = URL(filePath: home.file(path))
        try manager.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func text(_ path: String) -> String? {
        try? String(contentsOfFile: home.file(path), encoding: .utf8)
    }

    private func claim(_ readyPath: String, bytes: Int64 = 5) throws -> Bool {
        try area.ready.takeBack(readyPath, bytes: bytes, to: StagedFile(drop, in: files.claimed))
    }

    private func receipt(_ name: String) -> Receipt {
        Receipt(drop: drop, channel: "sftp", name: name, file: "", bytes: 5, received: "2026-11-23T09:03:00Z")
    }

    // MARK: Directories that consumers remove

    /// Removes a directory as soon as it is there, once for each time that it is asked to.
    private final class Remover: Sendable {
        private let asked = Atomic(0)
        private let removed = Atomic(0)

        var removals: Int { removed.load(ordering: .acquiring) }

        func ask() { asked.add(1, ordering: .releasing) }

        // One that comes late does not make up for what it has missed.

        func work(_ path: String) {
            var served = 0
            while !Task.isCancelled {
                let asked = asked.load(ordering: .acquiring)
                guard served < asked, rmdir(path) == 0 else { continue }
                served = asked
                removed.add(1, ordering: .releasing)
            }
        }
    }

    /// As `find ready -type d -empty -delete` does beside the gate: between the making of a directory and the move of the file.
    @Test func aDirectoryThatGoesWhileAFileIsReleasedIsMadeAgain() throws {
        let (path, remover) = (home.file("ready/sftp/acme/d"), Remover())
        let work = Task.detached { remover.work(path) }
        defer { work.cancel() }
        for number in 0..<500 {
            try put("incoming/sftp/acme/parts/x", "hello")
            remover.ask()
            try area.ready.release(
                area.file("incoming/sftp/acme/parts/x"), readyPath: "sftp/acme/d/\(number)",
                receipt: receipt("d/\(number)"), now: "")
            #expect(unlink("\(path)/\(number)") == 0)
            _ = rmdir(path)
        }
        #expect(remover.removals > 50, "it came too late to show anything")
    }

    @Test func bytesThatCannotBeLookedForAreNotTakenForGone() throws {
        let parts = home.file("incoming/sftp/acme/parts")
        try manager.createDirectory(atPath: home.file("elsewhere"), withIntermediateDirectories: true)
        try put("incoming/sftp/acme/parts/\(drop).part", "hello")
        try manager.moveItem(atPath: parts, toPath: parts + ".aside")
        try manager.createSymbolicLink(atPath: parts, withDestinationPath: home.file("elsewhere"))
        let incoming = StagingLayout.acceptedFile(drop, of: "acme")
        #expect(throws: StagingError.self) {
            try area.quarantine(incoming: incoming, of: "acme", receipt: receipt("a.csv"))
        }
        try manager.removeItem(atPath: parts)
        try manager.moveItem(atPath: parts + ".aside", toPath: parts)
        try area.quarantine(incoming: incoming, of: "acme", receipt: receipt("a.csv"))
        #expect(home.files(under: "quarantine/sftp/acme/\(drop)").count == 2)
    }

    // MARK: Claiming

    @Test func aClaimTakesThatFileAndPuttingItBackReturnsIt() throws {
        try put("ready/sftp/acme/d/a.csv", "hello")
        try put("ready/sftp/acme/d/b.csv", "world")
        #expect(try claim("sftp/acme/d/a.csv"))
        #expect(home.files(under: "ready") == ["sftp/acme/d/b.csv"])
        #expect(text(StagingLayout.claimedFile(drop, of: "acme")) == "hello")
        #expect(try claim("sftp/acme/d/a.csv") == false)
        try area.ready.putBack(StagedFile(drop, in: files.claimed), to: "sftp/acme/d/a.csv")
        #expect(text("ready/sftp/acme/d/a.csv") == "hello")
        #expect(home.files(under: "incoming/sftp/acme/claimed").isEmpty)
    }

    @Test func aFileOfAnotherLengthIsNotTaken() throws {
        try put("ready/sftp/acme/a.csv", "hello!")
        #expect(try claim("sftp/acme/a.csv") == false)
        #expect(text("ready/sftp/acme/a.csv") == "hello!")
    }

    @Test(arguments: [
        "sftp/acme/none", "sftp/none/a", "sftp/acme/a.csv/x", "sftp/acme/../acme/a.csv", "/sftp/acme/a.csv",
        "", "sftp//a",
    ])
    func whereNoFileLiesNothingIsTaken(_ readyPath: String) throws {
        try put("ready/sftp/acme/a.csv", "hello")
        #expect(try claim(readyPath) == false)
        #expect(text("ready/sftp/acme/a.csv") == "hello")
    }

    @Test func neitherALinkNorADirectoryIsTaken() throws {
        try put("outside/a.csv", "hello")
        try put("ready/sftp/acme/d/x", "hello")
        let acme = home.file("ready/sftp/acme")
        try manager.createSymbolicLink(
            atPath: acme + "/link", withDestinationPath: home.file("outside/a.csv"))
        try manager.createSymbolicLink(atPath: acme + "/folder", withDestinationPath: home.file("outside"))
        let folderBytes = try #require(
            try manager.attributesOfItem(atPath: acme + "/d")[.size] as? Int64)
        #expect(try claim("sftp/acme/d", bytes: folderBytes) == false)
        #expect(try claim("sftp/acme/folder/a.csv") == false)
        let length = Int64(home.file("outside/a.csv").utf8.count)
        for bytes in [5, length] { #expect(try claim("sftp/acme/link", bytes: bytes) == false) }
        #expect(text("outside/a.csv") == "hello")
        #expect(home.files(under: "incoming/sftp/acme/claimed").isEmpty)
    }

    @Test func puttingBackReplacesNothing() throws {
        try put("ready/sftp/acme/a.csv", "hello")
        #expect(try claim("sftp/acme/a.csv"))
        try put("ready/sftp/acme/a.csv", "other")
        #expect(throws: StagingError.self) {
            try area.ready.putBack(StagedFile(drop, in: files.claimed), to: "sftp/acme/a.csv")
        }
        #expect(text("ready/sftp/acme/a.csv") == "other")
        #expect(text(StagingLayout.claimedFile(drop, of: "acme")) == "hello")
    }

    @Test func puttingBackFollowsNoLink() throws {
        try put("ready/sftp/acme/a.csv", "hello")
        #expect(try claim("sftp/acme/a.csv"))
        try put("outside/x", "")
        try manager.createSymbolicLink(
            atPath: home.file("ready/sftp/acme/d"), withDestinationPath: home.file("outside"))
        #expect(throws: StagingError.self) {
            try area.ready.putBack(StagedFile(drop, in: files.claimed), to: "sftp/acme/d/a.csv")
        }
        #expect(home.files(under: "outside") == ["x"])
    }

    // MARK: Directories of the gate's own

    /// What the code of an error is, or nil where there was none.
    private func code(_ body: () throws -> Void) -> StagingError.Code? {
        do { try body() } catch { return (error as? StagingError)?.code }
        return nil
    }

    @Test(arguments: ["ready/sftp", "ready/sftp/acme"], [true, false])
    func whereADirectoryOfTheGateIsNoneNothingIsTakenForGone(_ name: String, isLink: Bool) throws {
        let path = "sftp/acme/a.csv"
        try put("ready/\(path)", "hello")
        let place = home.file(name)
        try manager.moveItem(atPath: place, toPath: home.file("away"))
        if isLink {
            try manager.createSymbolicLink(atPath: place, withDestinationPath: home.file("away"))
        } else {
            try put(name, "")
        }
        let ready = area.ready
        #expect(code { _ = try ready.stillHolds(path) } == .obstructed)
        #expect(code { _ = try ready.isOccupied(path) } == .obstructed)
        #expect(code { _ = try ready.reserve("sftp/acme/b.csv") } == .obstructed)
        #expect(code { _ = try ready.removeReleased(path) } == .obstructed)
        #expect(code { _ = try ready.openReleased(path) } == .obstructed)
        #expect(code { _ = try claim(path) } == .obstructed)
        let obstacle = try #require(StagingError.obstacle(at: place))
        let words =
            isLink
            ? "\(place) is a symbolic link (to \(home.file("away"))), and the gate follows no link in staging"
            : "\(place) is not a directory, but one of the gate's own belongs there"
        #expect(obstacle.message == words && obstacle.fix?.contains("in its place") == true)

        try manager.removeItem(atPath: place)
        try manager.moveItem(atPath: home.file("away"), toPath: place)
        #expect(StagingError.obstacle(at: place) == nil && StagingError.obstacle(at: place + "/none") == nil)
        #expect(try ready.stillHolds(path) && ready.reserve("sftp/acme/b.csv") == "sftp/acme/b.csv")
    }

    @Test func aReleaseOfEventsThatCannotBeEndedSaysWhatLiesInTheirDay() throws {
        try put("incoming/webhook/\(drop).whole/data:webhook:2026-11-23:081530-x.json", "{}")
        try put("ready/webhook/2026-11-22/other.json", "{}")
        let day = home.file("ready/webhook/2026-11-23")
        try manager.createSymbolicLink(atPath: day, withDestinationPath: home.file("elsewhere"))
        #expect(code { try area.ready.recover() } == .obstructed)
        try manager.removeItem(atPath: day)
        try area.ready.recover()
        #expect(text("ready/webhook/2026-11-23/081530-x.json") == "{}")
    }

    // MARK: Quarantine

    @Test func quarantineTakesTheFileAndTheReceiptAndCanBeRepeated() throws {
        try put("incoming/sftp/acme/claimed/\(drop)", "hello")
        try put("receipts/\(drop).json", "{}")
        for _ in 0..<3 {
            try area.quarantine(
                incoming: StagingLayout.claimedFile(drop, of: "acme"), of: "acme", receipt: receipt("d/a.csv")
            )
            #expect(home.files(under: "quarantine/sftp/acme/\(drop)") == ["a.csv", "receipt.json"])
            #expect(text("quarantine/sftp/acme/\(drop)/a.csv") == "hello")
        }
        let kept = try Receipt(
            parsing: Array(#require(text("quarantine/sftp/acme/\(drop)/receipt.json")).utf8))
        #expect(kept.file == "quarantine/sftp/acme/\(drop)/a.csv" && kept.name == "d/a.csv")
        #expect(home.files(under: "receipts").isEmpty && home.files(under: "incoming").isEmpty)
    }

    @Test func quarantineGoesOnAfterACrashBetweenItsSteps() throws {
        try put("incoming/sftp/acme/parts/\(drop).part", "hello")
        try put("quarantine/sftp/acme/\(drop)/receipt.json.new", "{")
        try area.quarantine(
            incoming: StagingLayout.acceptedFile(drop, of: "acme"), of: "acme", receipt: receipt("a.csv"))
        #expect(home.files(under: "quarantine/sftp/acme/\(drop)") == ["a.csv", "receipt.json"])
        #expect(text("quarantine/sftp/acme/\(drop)/a.csv") == "hello")
    }

    /// It came again, was damaged, and was withdrawn again: what lies there may be the only whole copy.
    @Test(arguments: ["a.csv", "upload.damaged"])
    func whatIsDamagedLiesBesideWhatIsWhole(name: String) throws {
        var receipt = receipt(name)
        receipt.sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        for content in ["hello", "hel", "hellO", "hello"] {
            try put("incoming/sftp/acme/claimed/\(drop)", content)
            try area.quarantine(
                incoming: StagingLayout.claimedFile(drop, of: "acme"), of: "acme", receipt: receipt)
            #expect(text("quarantine/sftp/acme/\(drop)/\(name)") == "hello")
            #expect(home.files(under: "incoming").isEmpty)
        }
        let beside = name == "a.csv" ? "upload.damaged" : "upload.damaged.2"
        #expect(text("quarantine/sftp/acme/\(drop)/\(beside)") == "hellO")
    }

    @Test func bytesAreNeverInQuarantineWithoutTheirReceipt() throws {
        try put("incoming/sftp/acme/parts/\(drop).part", "hello")
        // Its receipt cannot be written.
        try put("quarantine/sftp/acme/\(drop)/receipt.json/x", "")
        #expect(throws: StagingError.self) {
            try area.quarantine(
                incoming: StagingLayout.acceptedFile(drop, of: "acme"), of: "acme", receipt: receipt("a.csv"))
        }
        #expect(text("incoming/sftp/acme/parts/\(drop).part") == "hello")
    }

    @Test func whatACrashLeftInQuarantineBeforeTheBytesCameGoes() throws {
        for path in [
            "1/receipt.json", "2/receipt.json.new", "3/a.csv", "3/receipt.json", "4/a.csv", "6/receipt.json",
            "6/RECEIPT.JSON",
        ] {
            try put("quarantine/sftp/acme/" + path, "{}")
        }
        try manager.createDirectory(
            atPath: home.file("quarantine/sftp/acme/5"), withIntermediateDirectories: true)
        try area.removeEmptyQuarantine()
        #expect(
            try manager.contentsOfDirectory(atPath: home.file("quarantine/sftp/acme")).sorted() == [
                "3", "4", "6",
            ])
        #expect(
            home.files(under: "quarantine/sftp/acme") == [
                "3/a.csv", "3/receipt.json", "4/a.csv", "6/RECEIPT.JSON", "6/receipt.json",
            ])
    }

    @Test(arguments: [
        ("a.csv", "a.csv"), ("d/a.csv", "a.csv"), ("", "unnamed"), ("..", "upload"), ("d/.", "upload"),
        ("receipt.json", "upload"), ("d/receipt.json.new", "upload"), ("receipt.jsonl", "receipt.jsonl"),
    ])
    func aFileInQuarantineIsNeverTakenForAReceipt(_ sent: String, _ expected: String) throws {
        #expect(StagingLayout.quarantineName(sent) == expected)
        try put("incoming/sftp/acme/parts/\(drop).part", "hello")
        try area.quarantine(
            incoming: StagingLayout.acceptedFile(drop, of: "acme"), of: "acme", receipt: receipt(sent))
        #expect(text("quarantine/sftp/acme/\(drop)/\(expected)") == "hello")
    }

    @Test func quarantineFollowsNoLink() throws {
        try put("outside/\(drop)", "hello")
        let claimed = home.file("incoming/sftp/acme/claimed")
        try manager.removeItem(atPath: claimed)
        try manager.createSymbolicLink(atPath: claimed, withDestinationPath: home.file("outside"))
        #expect(throws: StagingError.self) {
            try area.quarantine(
                incoming: StagingLayout.claimedFile(drop, of: "acme"), of: "acme", receipt: receipt("a"))
        }
        #expect(text("outside/\(drop)") == "hello")
        #expect(home.files(under: "quarantine/sftp/acme/\(drop)") == ["receipt.json"])
    }

    // MARK: What is there

    @Test func allReleasedFilesBelowAPathAreFoundAndNoLink() throws {
        for path in ["a", "d/b", "d/e/c"] { try put("ready/sftp/acme/" + path, "x") }
        try put("ready/sftp/other/a", "x")
        try put("outside/x", "x")
        for (link, target) in [("l", "outside/x"), ("d/m", "outside")] {
            try manager.createSymbolicLink(
                atPath: home.file("ready/sftp/acme/" + link), withDestinationPath: home.file(target))
        }
        #expect(
            try area.ready.released(below: "sftp/acme/").sorted()
                == ["sftp/acme/a", "sftp/acme/d/b", "sftp/acme/d/e/c"])
        #expect(try area.ready.released(below: "sftp/none/").isEmpty)
    }

    @Test func theTimeOfAReleasedDropIsAmendedInItsReceiptOnly() throws {
        try area.ready.date(drop, modified: "2026-01-01T00:00:00Z")
        #expect(home.files(under: "receipts").isEmpty)
        try put("incoming/sftp/acme/parts/\(drop).part", "hello")
        try area.ready.release(
            area.file(StagingLayout.acceptedFile(drop, of: "acme")), readyPath: "sftp/acme/a",
            receipt: receipt("a"), now: "2026-11-23T09:04:00Z")
        try area.ready.date(drop, modified: "2026-01-01T00:00:00Z")
        let amended = try #require(try area.ready.receipt(drop))
        #expect(amended.modified == "2026-01-01T00:00:00Z" && amended.file == "ready/sftp/acme/a")
        #expect(amended.released == "2026-11-23T09:04:00Z")
        #expect(text("ready/sftp/acme/a") == "hello")
    }

    @Test func laterVersionsGetNamesOfTheirOwn() throws {
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a.csv")
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a~2.csv")
        try put("ready/sftp/acme/a~3.csv", "x")
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a~4.csv")
        area.ready.cancelReservation("sftp/acme/a~2.csv")
        #expect(try area.ready.reserve("sftp/acme/a.csv") == "sftp/acme/a~2.csv")
    }
}
