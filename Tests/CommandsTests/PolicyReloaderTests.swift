// Changed source lists in a running gate: good ones are taken over, bad ones are refused and reported.
import Admission
import Daemon
import Foundation
import Intake
import JSON
import Ledger
import Settings
import Synchronization
import Testing

@Suite struct PolicyReloaderTests {
    @Test func unchangedListsWriteNothing() async throws {
        let scene = try await PolicyScene()
        await scene.reloader.look()
        await scene.reloader.look(isAsked: true)
        #expect(try scene.entries().isEmpty)
        await scene.intake.close()
    }

    @Test func aGoodChangeIsTakenOverAndItsDifferenceWritten() async throws {
        let scene = try await PolicyScene()
        let old = scene.intake.policy.version
        let text = try scene.gate.read("sources/vsee.yaml")
        try scene.gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.106") && !scene.isAdmitted("20.21.208.105"))
        let entry = try #require(try scene.entries().last)
        #expect(entry["kind"]?.string == "policy" && entry["verdict"]?.string == "accepted")
        #expect(
            entry["reason"]?.string == "changed" && entry["policy"]?.string == scene.intake.policy.version)
        #expect(entry["detail"]?["from"]?.string == old && entry["detail"]?["diff"]?.array?.count == 2)
        let file = try #require(entry["detail"]?["files"]?.array?.first)
        #expect(file["file"]?.string == scene.gate.path("sources/vsee.yaml"))
        #expect(file["owner_uid"]?.int == Int64(geteuid()))
        #expect(file["modified"]?.string.flatMap { Instant(rfc3339: $0) } != nil)
        await scene.intake.close()
    }

    /// The warning before a source that VSee uses stays away for good.
    @Test func aChangeAfterWhichARecentCallerIsRefusedNamesIt() async throws {
        let scene = try await PolicyScene()
        for ip in ["20.21.208.105", "20.21.208.105", "192.0.2.1"] {
            let resolver = try AddressResolver(mode: .direct, trustedProxies: [])
            let decision = scene.intake.admit(
                resolver.resolve(peer: Endpoint(ip: try IPAddress(ip))), channel: .webhook)
            try await scene.intake.record(Attempt(kind: .request, channel: .webhook, decision: decision))
        }
        let text = try scene.gate.read("sources/vsee.yaml")
        try scene.gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        await scene.settle()
        let entry = try #require(try scene.entries().last)
        let refused = try #require(entry["detail"]?["refuses"]?.array)
        #expect(refused.map { $0["source"]?.string } == ["20.21.208.105"])
        #expect(refused[0]["channel"]?.string == "webhook" && refused[0]["reason"]?.string == "not_listed")
        #expect(refused[0]["entries"]?.array?.map(\.string) == ["vsee/clinic"])
        #expect(entry["detail"]?["refuses_count"]?.int == 1)
        await scene.intake.close()
    }

    @Test func theListsOfEveryEntryAreKept() async throws {
        let scene = try await PolicyScene()
        let archive = scene.intake.ledger.policies
        let text = try scene.gate.read("sources/vsee.yaml")
        for end in [".106", ".107", ".105"] {
            try scene.gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: end))
            await scene.settle()
        }
        let versions = try scene.entries().flatMap { [$0["policy"]?.string, $0["detail"]?["from"]?.string] }
        #expect(Set(versions).count == 3)
        for version in versions {
            guard case .kept = archive.policy(try #require(version)) else {
                Issue.record("\(version ?? "") is not kept")
                continue
            }
        }
        await scene.intake.close()
    }

    /// Else nobody could say later what was in force. Who was taken off them is refused all the same.
    @Test func listsThatCannotBeKeptLetNobodyNewInUntilTheyCan() async throws {
        let scene = try await PolicyScene()
        let archive = scene.intake.ledger.policies.directory
        let resolver = try AddressResolver(mode: .direct, trustedProxies: [])
        let admitted = scene.intake.admit(
            resolver.resolve(peer: Endpoint(ip: try IPAddress("20.21.208.105"))), channel: .webhook)
        try FileManager.default.moveItem(atPath: archive, toPath: archive + ".away")
        try Data().write(to: URL(fileURLWithPath: archive))
        let text = try scene.gate.read("sources/vsee.yaml")
        try scene.gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        await scene.settle()
        await scene.settle()
        #expect(try !scene.isAdmitted("20.21.208.105") && !scene.isAdmitted("20.21.208.106"))
        #expect(scene.intake.admitAgain(admitted, channel: .webhook).verdict == .rejected)
        #expect(try scene.entries().isEmpty)
        try scene.gate.write("sources/vsee.yaml", text)
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.105"), "put back before it was ever in force")
        try scene.gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        await scene.settle()
        #expect(scene.intake.health.problems[PolicyReloader.problem]?.contains("let nobody new in") == true)
        try FileManager.default.removeItem(atPath: archive)
        await scene.reloader.look()
        #expect(try scene.isAdmitted("20.21.208.106") && scene.intake.health.problems.isEmpty)
        #expect(try scene.entries().compactMap { $0["detail"]?["diff"] }.count == 1)
        await scene.intake.close()
    }

    @Test func aBadChangeKeepsTheOldPolicyAndIsReportedOnce() async throws {
        let scene = try await PolicyScene()
        let text = try scene.gate.read("sources/vsee.yaml")
        try scene.gate.write("sources/vsee.yaml", text + "bogus: 1\n")
        await scene.settle()
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.105"))
        #expect(scene.intake.health.problems[PolicyReloader.problem]?.contains("bogus: unknown key") == true)
        #expect(try scene.entries().map { $0["verdict"]?.string } == ["rejected"])
        try scene.gate.write("sources/vsee.yaml", text)
        await scene.settle()
        #expect(scene.intake.health.problems.isEmpty)
        await scene.intake.close()
    }

    /// Else the last entry would say that they are bad.
    @Test func listsThatAreMendedToWhatTheyWereLeaveAnEntry() async throws {
        let scene = try await PolicyScene()
        let version = scene.intake.policy.version
        let text = try scene.gate.read("sources/vsee.yaml")
        try scene.gate.write("sources/vsee.yaml", text + "bogus: 1\n")
        await scene.settle()
        try scene.gate.write("sources/vsee.yaml", text)
        await scene.settle()
        await scene.settle()
        #expect(try scene.entries().map { $0["verdict"]?.string } == ["rejected", "accepted"], "once")
        let entry = try #require(try scene.entries().last)
        #expect(entry["kind"]?.string == "policy" && entry["reason"]?.string == "changed")
        #expect(entry["policy"]?.string == version && entry["detail"]?["from"]?.string == version)
        #expect(entry["detail"]?["message"]?.string == "the source lists are good again")
        #expect(entry["detail"]?["diff"] == nil)
        await scene.intake.close()
    }

    @Test func listsThatAreMendedAndChangedLeaveOneEntryOfBoth() async throws {
        let scene = try await PolicyScene()
        let text = try scene.gate.read("sources/vsee.yaml")
        try scene.gate.write("sources/vsee.yaml", text + "bogus: 1\n")
        await scene.settle()
        try scene.gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        await scene.settle()
        let entries = try scene.entries()
        #expect(entries.map { $0["verdict"]?.string } == ["rejected", "accepted"])
        #expect(entries.last?["detail"]?["message"]?.string == "the source lists are good again")
        #expect(entries.last?["detail"]?["diff"]?.array?.count == 2)
        await scene.intake.close()
    }

    @Test func aListThatIsStillBeingWrittenIsNoneYet() async throws {
        let scene = try await PolicyScene()
        let text = try scene.gate.read("sources/vsee.yaml")
        let whole = text.replacingOccurrences(of: ".105", with: ".106")
        // Each piece alone would be a good list, and none of them is the one that is meant.
        for part in [
            "entries: [{cidr: 192.0.2.1, service: x, channels: [webhook]}]\n", text + "# more\n", whole,
        ] {
            try scene.gate.write("sources/vsee.yaml", part)
            await scene.reloader.look()
            #expect(try scene.isAdmitted("20.21.208.105") && scene.entries().isEmpty)
        }
        await scene.reloader.look()
        #expect(try scene.isAdmitted("20.21.208.106") && !scene.isAdmitted("20.21.208.105"))
        #expect(try scene.entries().count == 1)
        await scene.intake.close()
    }

    /// As an editor does that saves by pieces, or a copy that stalls: each piece is a good list.
    @Test func aListWhoseWriterPausesIsNotPutInForceHalfWritten() async throws {
        let scene = try await PolicyScene()
        let path = scene.gate.path("sources/vsee.yaml")
        let text = try scene.gate.read("sources/vsee.yaml").replacingOccurrences(of: ".105", with: ".106")
        let writer = try #require(FileHandle(forWritingAtPath: path))
        try writer.truncate(atOffset: 0)
        try writer.write(
            contentsOf: Data("entries: [{cidr: 192.0.2.1, service: x, channels: [webhook]}]\n".utf8))
        for _ in 0..<40 { await scene.reloader.look() }
        #expect(try scene.isAdmitted("20.21.208.105") && scene.entries().isEmpty)
        #expect(scene.intake.health.problems[PolicyReloader.problem]?.contains("still has it open") == true)
        try writer.truncate(atOffset: 0)
        try writer.seek(toOffset: 0)
        try writer.write(contentsOf: Data(text.utf8))
        try writer.close()
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.106") && !scene.isAdmitted("192.0.2.1"))
        #expect(scene.intake.health.problems.isEmpty)
        await scene.intake.close()
    }

    /// Keeps a new list open, half written, for longer than anybody waits.
    private func holdOpen(_ path: String, _ scene: PolicyScene) async throws -> FileHandle {
        try #require(FileManager.default.createFile(atPath: path, contents: nil))
        let writer = try #require(FileHandle(forWritingAtPath: path))
        try writer.write(contentsOf: Data("entries: [".utf8))
        for _ in 0..<40 { await scene.reloader.look() }
        return writer
    }

    @Test func aNewListThatWasHeldOpenAndIsGoneAgainIsNoProblemAnyMore() async throws {
        let scene = try await PolicyScene()
        let path = scene.gate.path("sources/lab.yaml")
        let writer = try await holdOpen(path, scene)
        #expect(scene.intake.health.problems[PolicyReloader.problem]?.contains(path) == true)
        try writer.close()
        try FileManager.default.removeItem(atPath: path)
        await scene.reloader.look()
        #expect(scene.intake.health.problems.isEmpty)
        #expect(try scene.entries().isEmpty)
        await scene.intake.close()
    }

    @Test func aListThatIsHeldOpenDoesNotHideWhatIsWrongWithAnother() async throws {
        let scene = try await PolicyScene()
        var problem: String { scene.intake.health.problems[PolicyReloader.problem] ?? "" }
        try scene.gate.write("sources/vsee.yaml", scene.gate.read("sources/vsee.yaml") + "bogus: 1\n")
        await scene.settle()
        let path = scene.gate.path("sources/lab.yaml")
        let writer = try await holdOpen(path, scene)
        #expect(problem.contains("bogus: unknown key") && problem.contains("still has it open"), "\(problem)")
        try writer.close()
        try FileManager.default.removeItem(atPath: path)
        await scene.reloader.look()
        #expect(problem.contains("bogus: unknown key") && !problem.contains("still has"), "\(problem)")
        await scene.intake.close()
    }

    /// The name is another file's now; and so may the directory's name be another directory's.
    @Test(arguments: [false, true])
    func aListThatTakesTheNameOfOneThatIsHeldOpenIsTakenOver(movesDirectory: Bool) async throws {
        let scene = try await PolicyScene()
        let (files, path) = (FileManager.default, scene.gate.path("sources/vsee.yaml"))
        let text = try scene.gate.read("sources/vsee.yaml").replacingOccurrences(of: ".105", with: ".106")
        let writer = try #require(FileHandle(forWritingAtPath: path))
        try writer.write(contentsOf: Data("entries: [".utf8))
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.105"))
        if movesDirectory {
            try files.moveItem(atPath: scene.gate.path("sources"), toPath: scene.gate.path("old"))
            try files.createDirectory(atPath: scene.gate.path("sources"), withIntermediateDirectories: false)
        } else {
            try files.moveItem(atPath: path, toPath: path + ".old")
        }
        try text.write(toFile: scene.gate.path("whole"), atomically: false, encoding: .utf8)
        try files.linkItem(atPath: scene.gate.path("whole"), toPath: path)
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.106"))
        // The new directory is watched, too.
        let next = try #require(FileHandle(forWritingAtPath: path))
        try next.truncate(atOffset: 0)
        try next.write(contentsOf: Data(text.replacingOccurrences(of: ".106", with: ".107").utf8))
        for _ in 0..<3 { await scene.settle() }
        #expect(try !scene.isAdmitted("20.21.208.107"))
        try next.close()
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.107"))
        try writer.close()
        await scene.intake.close()
    }

    @Test func aListThatIsHeldOpenIsTakenOverWhenItIsAskedFor() async throws {
        let scene = try await PolicyScene()
        let text = try scene.gate.read("sources/vsee.yaml").replacingOccurrences(of: ".105", with: ".106")
        let writer = try #require(FileHandle(forWritingAtPath: scene.gate.path("sources/vsee.yaml")))
        try writer.write(contentsOf: Data(text.utf8))
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.105"))
        await scene.reloader.look(isAsked: true)
        #expect(try scene.isAdmitted("20.21.208.106"))
        for _ in 0..<40 { await scene.reloader.look() }
        #expect(scene.intake.health.problems.isEmpty, "it waits for nobody")
        try writer.close()
        await scene.intake.close()
    }

    /// The file does not change when what kept it from being read goes away.
    @Test func whatCouldNotBeReadIsTriedAgainUntilItCan() async throws {
        let isBroken = Mutex(true)
        let scene = try await PolicyScene { files in
            guard isBroken.withLock({ $0 }) else { return PolicyReloader.read(files) }
            let problem = SettingsProblem(place: .file("vsee.yaml"), key: "", message: "too many open files")
            return .failure(SettingsErrors([problem]))
        }
        let text = try scene.gate.read("sources/vsee.yaml").replacingOccurrences(of: ".105", with: ".106")
        try scene.gate.write("sources/vsee.yaml", text)
        for _ in 0..<3 { await scene.settle() }
        #expect(try scene.entries().map { $0["verdict"]?.string } == ["rejected"], "once")
        isBroken.withLock { $0 = false }
        await scene.reloader.look()
        #expect(try scene.isAdmitted("20.21.208.106") && scene.intake.health.problems.isEmpty)
        await scene.intake.close()
    }

    @Test func aChangeThatWasAskedForIsNotReportedAgain() async throws {
        let scene = try await PolicyScene()
        try scene.gate.write("sources/vsee.yaml", "bogus: 1\n")
        await scene.reloader.look(isAsked: true)
        await scene.settle()
        #expect(try scene.entries().count == 1)
        await scene.intake.close()
    }

    @Test func listsThatComeAndGoAreNoticed() async throws {
        let scene = try await PolicyScene()
        try scene.gate.write(
            "sources/lab.yaml", "entries: [{cidr: 192.0.2.1, service: lab, channels: [webhook]}]")
        await scene.settle()
        #expect(try scene.isAdmitted("192.0.2.1"))
        try FileManager.default.removeItem(atPath: scene.gate.path("sources/lab.yaml"))
        await scene.settle()
        #expect(try !scene.isAdmitted("192.0.2.1"))
        await scene.intake.close()
    }

    @Test func listsThatAreAllGoneAreABadChange() async throws {
        let scene = try await PolicyScene()
        try FileManager.default.removeItem(atPath: scene.gate.path("sources/vsee.yaml"))
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.105"))
        #expect(scene.intake.health.problems[PolicyReloader.problem] != nil)
        await scene.intake.close()
    }
}
