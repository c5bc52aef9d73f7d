// What is written of changed source lists: of changes at once each one, and of lists that would be no good nothing.
import Admission
import Foundation
import Management
import Settings
import Testing

@Suite struct SourceWritingTests {
    @Test func sourcesThatAreAddedAtOnceAreAllInTheList() async throws {
        let gate = try TestGate.plain()
        let service = SourceService(try SettingsLoader.load(file: gate.config, namedFiles: .ignored))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...8 {
                group.addTask {
                    let block = try CIDRBlock("192.0.2.\(number)")
                    _ = try await service.add(to: nil, by: .current, warn: { _ in }) { list in
                        SourceEntry(list: list, service: "lab\(number)", cidr: block, channels: [.webhook])
                    }
                }
            }
            try await group.waitForAll()
        }
        let services = try gate.policy().entries.map(\.service)
        #expect(services.sorted() == ["clinic"] + (1...8).map { "lab\($0)" })
    }

    /// Whoever has looked at one change of two that are made at once has not looked at the other one.
    @Test func ofChangesAtOnceThatWereLookedAtOneIsMadeAndTheOtherIsToLookAgain() async throws {
        let gate = try TestGate.plain(
            entries: TestGate.entry + "  - {cidr: 192.0.2.1, service: lab, channels: [sftp]}\n"
                + "  - {cidr: 192.0.2.2, service: trial, channels: [sftp]}\n")
        let service = SourceService(try SettingsLoader.load(file: gate.config, namedFiles: .ignored))
        let base = try service.preview(.remove("vsee/lab")).base
        let failures = await withTaskGroup(of: ManagementError?.self) { group in
            for id in ["vsee/lab", "vsee/trial"] {
                group.addTask {
                    do {
                        try await service.make(.remove(id), base: base, by: .current, warn: { _ in })
                        return nil
                    } catch {
                        return ManagementError.of(error)
                    }
                }
            }
            return await group.reduce(into: [ManagementError]()) { failures, failure in
                if let failure { failures.append(failure) }
            }
        }
        #expect(failures.map(\.code) == [.refused], "\(failures)")
        #expect(try gate.policy().entries.count == 2)
    }

    @Test(arguments: [
        ["add", "192.0.2.1", "--service", "lab", "--channel", "webhook"], ["remove", "192.0.2.9"],
        ["remove", "--id", "vsee/spare"],
    ])
    func listsThatWouldBeNoGoodTogetherLeaveTheFileAsItWas(arguments: [String]) async throws {
        let spare = "  - {cidr: 192.0.2.9, service: spare, channels: [sftp]}\n"
        let gate = try TestGate.plain(entries: TestGate.entry + spare)
        // Each list is good by itself.
        try gate.write("sources/other.yaml", "name: vsee\nentries:\n\(TestGate.entry)")
        let before = try gate.read("sources/vsee.yaml")
        let list = arguments.contains("--id") ? [] : ["--list", gate.path("sources/vsee.yaml")]
        let answer = await TestGate.run(["source"] + arguments + list + ["--config", gate.config])
        #expect(answer.status == 78, "\(answer)")
        #expect(answer.error.contains("vsee is also the name of"), "\(answer)")
        #expect(answer.error.contains("nothing was changed"), "\(answer)")
        #expect(try gate.read("sources/vsee.yaml") == before)
    }

    /// The line of the entry that is there already is one; that of the new one is none.
    @Test func whatIsRefusedGivesNoLineOfATextThatIsOnNoDisk() async throws {
        let gate = try TestGate.plain()
        let answer = await gate.run(
            "source", "add", "20.21.208.105", "--service", "clinic", "--channel", "webhook")
        #expect(answer.status == 78 && answer.error.contains("nothing was changed"), "\(answer)")
        let file = gate.path("sources/vsee.yaml")
        #expect(
            answer.error.contains("\(file): clinic 20.21.208.105/32 is already given at \(file):2:"),
            "\(answer)")
        let last = await gate.run("source", "remove", "20.21.208.105")
        #expect(last.status == 1 && last.error.contains("nothing was changed"), "\(last)")
    }

    private static let addition = ["source", "add", "192.0.2.1", "--service", "lab", "--channel", "webhook"]

    @Test(arguments: [addition, addition + ["--list", "vsee"], ["source", "remove", "192.0.2.1"]])
    func whereThereIsNoListItIsSaidWhereOneBelongs(arguments: [String]) async throws {
        let gate = try TestGate.plain()
        try FileManager.default.removeItem(atPath: gate.path("sources/vsee.yaml"))
        let answer = await TestGate.run(arguments + ["--config", gate.config])
        #expect(answer.status == 78, "\(answer)")
        #expect(
            answer.error.contains("sources in the settings names no file (\(gate.path("sources/*.yaml")))"),
            "\(answer)")
        #expect(answer.error.contains("`dropgate init` makes it"), "\(answer)")
    }

    @Test func aFileThatIsNoListOfTheGateIsToldWithTheListsThatThereAre() async throws {
        let gate = try TestGate.plain()
        try gate.write("other.yaml", "entries:\n\(TestGate.entry)")
        let (other, vsee) = (gate.path("other.yaml"), gate.path("sources/vsee.yaml"))
        let answer = await TestGate.run(Self.addition + ["--list", other, "--config", gate.config])
        let words = "\(other) is not a list that `sources` in the settings names; those are: vsee (\(vsee))"
        #expect(answer.status == 64 && answer.error.contains(words), "\(answer)")
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func aDirectoryOfListsThatCannotBeReadIsNamedAndWhoMustBeAbleToReadIt() async throws {
        let gate = try TestGate.plain()
        let directory = gate.path("sources")
        try #require(chmod(directory, 0o300) == 0)
        defer { chmod(directory, 0o700) }
        for command in [["source", "list"], Self.addition, ["serve", "--check"]] {
            let answer = await TestGate.run(command + ["--config", gate.config])
            #expect(answer.status == 78, "\(answer)")
            #expect(
                answer.error.contains("\(directory): permission denied") && !answer.error.contains("*.yaml")
                    && answer.error.contains("the gate's user must be able to read it"), "\(answer)")
        }
    }
}
