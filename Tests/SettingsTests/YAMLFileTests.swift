// What YAML is read: aliases and deep nesting are refused before a tree is made of them, and their characters may stand in text.
import Settings
import Testing

@Suite struct YAMLFileTests {
    private func problems(_ text: String) -> [String] {
        let log = ProblemLog()
        _ = YAMLFile.parse(text, path: "a.yaml", log: log)
        return log.problems.map { "\($0)" }
    }

    private func expectOne(_ problems: [String], _ beginning: String) {
        #expect(problems.count == 1 && problems[0].hasPrefix(beginning), "\(problems)")
    }

    /// Each letter is ten of the one before it. The last one as a key had the tree compare 10^12 values.
    private static let bomb: String = {
        let names = "abcdefghijkl".map(String.init)
        var lines = ["a: &a [\(Array(repeating: "x", count: 10).joined(separator: ","))]"]
        for (before, name) in zip(names, names.dropFirst()) {
            let items = Array(repeating: "*\(before)", count: 10).joined(separator: ",")
            lines.append("\(name): &\(name) [\(items)]")
        }
        return (lines + ["? *l", ": 1", ""]).joined(separator: "\n")
    }()

    @Test(.timeLimit(.minutes(1)))
    func aBombOfAliasesIsRefusedAtOnce() {
        #expect(Self.bomb.utf8.count < 700)
        expectOne(problems(Self.bomb), "a.yaml:1:4: & and *")
    }

    @Test(arguments: [
        ("a: &x 1", "1:4"), ("a: 1\nb: *x", "2:4"), ("a: &x\n  b: 1", "1:4"), ("- &x [1]", "1:3"),
        ("&x a: 1", "1:1"), ("a: 1\n? *x\n: 1", "2:3"), ("a: !!str &x b", "1:4"), ("a: {<<: *x}", "1:9"),
        // Of two mistakes the first.
        ("a: &x 1\nb: [", "1:4"),
    ])
    func anAnchorOrAnAliasIsRefusedWithItsPlace(text: String, place: String) {
        let problems = problems(text)
        expectOne(problems, "a.yaml:\(place): & and *")
        #expect(problems.first?.contains("write the value out") == true)
    }

    @Test(arguments: [
        ("a: \"*.example.org\"", "*.example.org"), ("a: '&x'", "&x"), ("a: a*b", "a*b"),
        ("a: 5 & 6", "5 & 6"), ("a: b # *x and &y", "b"), ("a: |-\n  *x\n  &y", "*x\n&y"),
        ("a: x\n  *y &z", "x *y &z"), ("\"a\": \"\\x2ax\"", "*x"),
    ])
    func theirCharactersMayStandInText(text: String, value: String) {
        let log = ProblemLog()
        let root = YAMLFile.parse(text, path: "a.yaml", log: log)
        #expect(root?.mapping(allowing: ["a"])?["a"]?.written == value)
        #expect(log.problems.isEmpty, "\(log.problems)")
    }

    @Test func nestingIsBounded() {
        func lists(_ depth: Int) -> String {
            "a: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(problems(lists(15)).isEmpty)
        for text in [lists(16), lists(900), String(repeating: "? ", count: 900) + "a"] {
            let problems = problems(text)
            expectOne(problems, "a.yaml:1:")
            #expect(problems.first?.contains("more than 16 deep") == true, "\(problems)")
        }
        expectOne(problems(lists(16)), "a.yaml:1:19: ")
        // One after another is not one in another.
        #expect(problems(String(repeating: "- [a, {b: c}]\n", count: 100)).isEmpty)
    }

    @Test(arguments: ["", "\n", "# nothing\n", "\u{FEFF}a: 1\n"])
    func aTextOfNothingIsNoProblem(text: String) {
        #expect(problems(text).isEmpty)
    }

    @Test func aListOfTheEnvironmentHasNoneEither() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(
            SettingsLoaderTests.minimal, environment: ["DROPGATE_SOURCES": "[&x sources/a.yaml]"])
        #expect(problems.count == 1 && problems.first?.contains("not a YAML list") == true, "\(problems)")
    }
}
