// Where no gate can work for its path alone: `init` makes nothing there, and a start and its rehearsal say the same.
import Foundation
import Management
import Reachability
import Settings
import Testing

@Suite struct PathCheckTests {
    private static let long = String(repeating: "long-", count: 30)
    private static let places = [("a:b", "colon"), ("it's", "quote"), (long, "shorter state directory")]

    @Test(arguments: places) func initMakesNothingWhereNoGateCanWork(name: String, word: String) async throws
    {
        let gate = try TestGate()
        let answer = await TestGate.run(["init", gate.path(name)])
        #expect(answer.status == 78 && answer.error.contains(word), "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: gate.path(name)))
    }

    @Test func initTakesNoEmptyNameForTheWorkingDirectory() async throws {
        let answer = await TestGate.run(["init", ""])
        #expect(answer.status == 64 && answer.error.contains("it is empty"), "\(answer)")
    }

    @Test(arguments: places) func aStartAndItsRehearsalEndWhereNoGateCanWork(name: String, word: String)
        async throws
    {
        let gate = try TestGate()
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        try FileManager.default.moveItem(atPath: gate.path("gate"), toPath: gate.path(name))
        let config = gate.path(name) + "/dropgate.yaml"
        let check = await TestGate.run(["serve", "--check", "--config", config])
        #expect(check.status == 78 && check.error.contains(word), "\(check)")
        let start = await Diagnostics.problems(try SettingsLoader.load(file: config), at: .start)
        #expect(
            start.findings.contains { $0.start == .isRefused && $0.line.contains(word) }, "\(start.findings)")
        let doctor = await TestGate.run(["doctor", "--config", config])
        #expect(doctor.status == 1 && doctor.out.contains(word), "\(doctor)")
    }

    @Test(arguments: ["run/control.sock", "sshd/link.sock"])
    func aDirectoryInTheSocketsPlaceIsToldBeforeAStart(name: String) async throws {
        let gate = try TestGate()
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        let (config, path) = (gate.path("gate/dropgate.yaml"), gate.path("gate/state/\(name)"))
        try gate.write("gate/state/\(name)/kept", "")
        let words =
            "in place of the socket \(path) lies a directory, which the gate does not remove; move it away"
        let check = await TestGate.run(["serve", "--check", "--config", config])
        #expect(check.status == 78 && check.error.contains(words), "\(check)")
        let start = await Diagnostics.problems(try SettingsLoader.load(file: config), at: .start)
        #expect(start.findings.contains { $0.start == .isRefused && $0.line == words }, "\(start.findings)")
        let doctor = await TestGate.run(["doctor", "--config", config])
        #expect(doctor.status == 1 && doctor.out.contains(words), "\(doctor)")
        // To make what is missing it is no obstacle.
        #expect(await TestGate.run(["init", gate.path("gate")]).status == 0)
    }

    @Test func theLimitOfOpenFilesIsThatOfTheRunningGate() async throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        let needed = FileAllowance.needed(settings)
        for (limit, state) in [(needed, Finding.State.ok), (needed - 1, .warn), (.max, .ok)] {
            let found = MachineCheck(settings, openFiles: limit).files
            #expect(found.state == state && found.text.contains("for the running gate"), "\(found)")
        }
        #expect(!MachineCheck(settings).files.text.contains("running gate"))
    }
}
