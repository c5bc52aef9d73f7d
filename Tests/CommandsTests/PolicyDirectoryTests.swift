// A directory of source lists that cannot be listed: its lists are not taken for gone.
import Daemon
import Foundation
import Intake
import JSON
import Testing

@Suite struct PolicyDirectoryTests {
    private static func list(_ ip: String) -> String {
        "entries: [{cidr: \(ip), service: x, channels: [webhook]}]\n"
    }

    /// Puts a loop of links in the place of a directory: root cannot list that either.
    private func hide(_ directory: String, as away: String) throws {
        try FileManager.default.moveItem(atPath: directory, toPath: away)
        try FileManager.default.createSymbolicLink(atPath: directory, withDestinationPath: directory)
    }

    @Test func theOldPolicyStaysUntilItCanBeListedAgain() async throws {
        let scene = try await PolicyScene(patterns: ["sources/*.yaml", "teams/*/*.yaml"])
        try scene.gate.write("teams/a/desk.yaml", Self.list("192.0.2.1"))
        try scene.gate.write("teams/b/lab.yaml", Self.list("192.0.2.2"))
        await scene.settle()
        #expect(try scene.isAdmitted("192.0.2.1") && scene.isAdmitted("192.0.2.2"))
        let (directory, away) = (scene.gate.path("teams/b"), scene.gate.path("away"))
        try hide(directory, as: away)
        for _ in 0..<2 { await scene.settle() }
        #expect(try scene.isAdmitted("192.0.2.1") && scene.isAdmitted("192.0.2.2"))
        let problem = scene.intake.health.problems[PolicyReloader.problem] ?? ""
        #expect(problem.contains("\(directory): cannot look for source lists here"), "\(problem)")
        let entries = try scene.entries()
        #expect(entries.map { $0["verdict"]?.string } == ["accepted", "rejected"])
        #expect(entries.last?["detail"]?["files"] == nil, "nobody knows whether its list is gone")
        try FileManager.default.removeItem(atPath: directory)
        try FileManager.default.moveItem(atPath: away, toPath: directory)
        await scene.settle()
        #expect(scene.intake.health.problems.isEmpty)
        #expect(try scene.isAdmitted("192.0.2.2") && scene.entries().last?["detail"]?["diff"] == nil)
        await scene.intake.close()
    }

    @Test func aNewOneIsAProblemThoughNoListIsMissing() async throws {
        let scene = try await PolicyScene(patterns: ["sources/*.yaml", "teams/*/*.yaml"])
        try scene.gate.write("teams/b/none", "")
        try hide(scene.gate.path("teams/b"), as: scene.gate.path("away"))
        await scene.settle()
        #expect(scene.intake.health.has(problem: PolicyReloader.problem))
        await scene.intake.close()
    }

    @Test func aCheckNamesADirectoryThatCannotBeListed() async throws {
        let gate = try TestGate.plain()
        try gate.write("teams/a/desk.yaml", Self.list("192.0.2.1"))
        try gate.write("teams/b/lab.yaml", Self.list("192.0.2.2"))
        try gate.write("dropgate.yaml", gate.read("dropgate.yaml") + "sources: [teams/*/*.yaml]\n")
        let directory = gate.path("teams/b")
        try hide(directory, as: gate.path("away"))
        for command in [["serve", "--check"], ["source", "list"]] {
            let answer = await gate.run(command)
            #expect(answer.status == 78, "\(answer)")
            #expect(answer.error.contains("\(directory): cannot look for source lists"), "\(answer)")
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may look everywhere"))
    func aClosedOneIsToldWithWhoMustBeAbleToReadIt() async throws {
        let scene = try await PolicyScene(patterns: ["sources/*.yaml", "teams/*/*.yaml"])
        try scene.gate.write("teams/a/desk.yaml", Self.list("192.0.2.1"))
        try scene.gate.write("teams/b/lab.yaml", Self.list("192.0.2.2"))
        await scene.settle()
        let directory = scene.gate.path("teams/b")
        for mode in [mode_t(0o300), 0] {
            try #require(chmod(directory, mode) == 0)
            await scene.settle()
            #expect(try scene.isAdmitted("192.0.2.2"))
            let problem = scene.intake.health.problems[PolicyReloader.problem] ?? ""
            #expect(problem.contains("\(directory): permission denied"), "\(problem)")
        }
        try #require(chmod(directory, 0o700) == 0)
        await scene.settle()
        #expect(scene.intake.health.problems.isEmpty)
        await scene.intake.close()
    }
}
