// Good source lists that could not be recorded before bad ones came: whom they refuse stays refused, and whoever asks is told.
import Admission
import Daemon
import Foundation
import Intake
import JSON
import Ledger
import LedgerSupport
import Testing

@Suite struct PolicyNarrowingTests {
    /// A mistake lets nobody in again who was taken off, and what is told of the lists says so.
    @Test func whomListsRefuseThatCouldNotBeRecordedStaysRefusedWhenBadOnesFollow() async throws {
        let disk = FailingDisk()
        let scene = try await PolicyScene(on: disk)
        let old = scene.intake.policy.version
        let text = try scene.gate.read("sources/vsee.yaml")
        let changed = text.replacingOccurrences(of: ".105", with: ".106")
        disk.fails = true
        try scene.gate.write("sources/vsee.yaml", changed)
        await scene.settle()
        let coming = try scene.gate.policy().version
        try scene.gate.write("sources/vsee.yaml", changed + "bogus: 1\n")
        await scene.settle()
        #expect(try scene.entries().isEmpty)
        disk.fails = false
        await scene.settle()
        #expect(try !scene.isAdmitted("20.21.208.105") && !scene.isAdmitted("20.21.208.106"))
        #expect(scene.intake.policy.version == old)
        let problem = try #require(scene.intake.health.problems[PolicyReloader.problem])
        #expect(problem.contains("the old ones stay in force, and \(ListChange.narrowingWords(coming))"))
        #expect(problem.contains("bogus: unknown key"))
        let entries = try scene.entries()
        let entry = try #require(entries.first)
        #expect(entries.count == 1 && entry["verdict"]?.string == "rejected")
        #expect(entry["policy"]?.string == old && entry["detail"]?["narrowed_by"]?.string == coming)
        #expect(entry["detail"]?["problems"]?.array?.first?.string == ListChange.narrowingWords(coming))
        guard case .kept = scene.intake.ledger.policies.policy(coming) else {
            Issue.record("\(coming) is not kept, and its refusals name it")
            return
        }
        try scene.gate.write("sources/vsee.yaml", text)
        await scene.settle()
        #expect(try scene.isAdmitted("20.21.208.105") && scene.intake.health.problems.isEmpty)
        await scene.intake.close()
    }

    /// Their refusals name them.
    @Test func listsThatOnlyRefuseAreKeptAsSoonAsTheyCanBe() async throws {
        let scene = try await PolicyScene()
        let archive = scene.intake.ledger.policies.directory
        try FileManager.default.moveItem(atPath: archive, toPath: archive + ".away")
        try Data().write(to: URL(fileURLWithPath: archive))
        let text = try scene.gate.read("sources/vsee.yaml").replacingOccurrences(of: ".105", with: ".106")
        try scene.gate.write("sources/vsee.yaml", text)
        await scene.settle()
        let coming = try scene.gate.policy().version
        try scene.gate.write("sources/vsee.yaml", text + "bogus: 1\n")
        await scene.settle()
        func problem() -> String { scene.intake.health.problems[PolicyReloader.problem] ?? "" }
        #expect(problem().contains("cannot be kept beside the ledger"))
        try FileManager.default.removeItem(atPath: archive)
        await scene.settle()
        #expect(problem().contains(ListChange.narrowingWords(coming)))
        #expect(!problem().contains("cannot be kept"))
        #expect(scene.intake.ledger.policies.text(coming) != nil)
        #expect(try scene.entries().map { $0["detail"]?["narrowed_by"]?.string } == [coming, coming])
        await scene.intake.close()
    }

    @Test func explainDecidesAsAGateThatBadListsKeepNarrow() async throws {
        let disk = FailingDisk()
        let scene = try await PolicyScene(on: disk)
        var start = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
        start.policy = scene.intake.policy.version
        try await scene.intake.record(start)
        let text = try scene.gate.read("sources/vsee.yaml")
        func explain(_ more: String...) async -> TestGate.Answer {
            await scene.gate.run(["source", "explain", "20.21.208.105", "--channel", "webhook"] + more)
        }
        disk.fails = true
        try scene.gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        await scene.settle()
        let coming = try scene.gate.policy().version
        disk.fails = false
        try scene.gate.write("sources/vsee.yaml", text + "bogus: 1\n")
        await scene.reloader.look(isAsked: true)
        let narrowed = await explain()
        #expect(try narrowed.status == 1 && !scene.isAdmitted("20.21.208.105"), "\(narrowed)")
        #expect(narrowed.out.contains("policy   \(coming)\n"), "\(narrowed)")
        #expect(narrowed.error.contains(ListChange.narrowingWords(coming)), "\(narrowed)")
        let moment = Instant.now()
        // Put back and made bad again: no other lists count beside those in force.
        try scene.gate.write("sources/vsee.yaml", text)
        await scene.settle()
        try scene.gate.write("sources/vsee.yaml", text + "bogus: 1\n")
        await scene.settle()
        let plain = await explain()
        #expect(try plain.status == 0 && scene.isAdmitted("20.21.208.105"), "\(plain)")
        #expect(!plain.error.contains("are refused, too"), "\(plain)")
        // What was decided then is not what is decided now.
        let then = await explain("--at", "\(moment)")
        #expect(then.status == 1 && then.out.contains("policy   \(coming)\n"), "\(then)")
        #expect(then.error.contains(ListChange.narrowingWords(coming)), "\(then)")
        await scene.intake.close()
    }
}
