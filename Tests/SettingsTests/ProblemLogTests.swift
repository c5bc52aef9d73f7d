// Problems are told once each, and a text that has very many of them is told in part.
import Testing

@testable import Settings

@Suite struct ProblemLogTests {
    private func problem(_ number: Int) -> SettingsProblem {
        SettingsProblem(place: .file("a.yaml", line: number, column: 1), key: "", message: "wrong")
    }

    private func told(_ log: ProblemLog) -> [SettingsProblem] {
        do { try log.throwIfAny() } catch { return error.problems }
        return []
    }

    @Test func theSameProblemIsToldOnce() {
        let log = ProblemLog()
        for number in [2, 1, 2] { log.add(problem(number)) }
        #expect(told(log) == [problem(1), problem(2)])
    }

    @Test func moreThanAPersonReadsAreCountedAlsoThroughAnotherLog() {
        let (own, log) = (ProblemLog(), ProblemLog())
        for number in 1...3000 { own.add(problem(number)) }
        log.add(own)
        #expect(told(log).count == 1001 && log.count == 3000)
        #expect(told(log).last?.message == "2000 more problems are not shown")
    }

    /// Each was compared with all before it: 30,000 took the gate 3.6 s, and four times as many sixteen times as long.
    @Test(.timeLimit(.minutes(1)))
    func aListOfVeryManyWrongEntriesIsReadInTime() {
        let log = ProblemLog()
        let text = "name: a\nentries: [" + Array(repeating: "x", count: 20_000).joined(separator: ",") + "]"
        let root = YAMLFile.parse(text, path: "a.yaml", log: log)
        #expect(root.flatMap { SourceListReader(file: "a.yaml", log: log).read($0) }?.entries.isEmpty == true)
        #expect(told(log).last?.message == "19000 more problems are not shown")
    }
}
