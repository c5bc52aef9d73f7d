// Names of an account's tree, and which of them are temporary.
import Staging
import Support
import Testing

@Suite struct DropPathTests {
    private func path(_ text: String) throws -> DropPath { try #require(DropPath(text)) }

    @Test(arguments: [
        "/", "/x", "x/", "a//b", ".", "..", "./x", "../x", "a/../x", "a/./b", "a/..", "x\u{0}y",
        String(repeating: "a", count: 256), "a/" + String(repeating: "ä", count: 128),
    ])
    func whatIsNotNormalisedIsNoPath(_ text: String) {
        #expect(DropPath(text) == nil)
    }

    @Test(arguments: ["a", "a/b", "...", ".a", "a b/~", "ä/日", String(repeating: "a", count: 255)])
    func whatIsNormalisedComesBackAsItWas(_ text: String) throws {
        let path = try path(text)
        #expect(path.text == text && path.description == "/" + text && !path.isRoot)
        #expect(path.components.joined(separator: "/") == text)
        #expect(path.parent.child(path.name) == path)
    }

    @Test func theRootIsItsOwnParent() throws {
        #expect(try path("") == .root)
        #expect(DropPath.root.parent == .root && DropPath.root.isRoot)
        #expect(DropPath.root.name.isEmpty && DropPath.root.components.isEmpty)
        #expect(DropPath.root.description == "/")
        #expect(try path("a").parent == .root)
    }

    @Test(arguments: [
        ("a/b", "a", true), ("a/b/c", "a", true), ("ab", "a", false), ("a", "a", false), ("a", "", true),
        ("", "", false), ("", "a", false), ("a-b/c", "a", false), ("e\u{301}/a", "\u{e9}", false),
    ])
    func knowsWhatIsInside(_ inner: String, _ outer: String, _ expected: Bool) throws {
        #expect(try path(inner).isInside(path(outer)) == expected)
    }

    @Test(arguments: [("a/b", "a", "x", "x/b"), ("a", "a", "x/y", "x/y"), ("a/b/c", "a/b", "d", "d/c")])
    func movesWithItsFolder(_ text: String, _ folder: String, _ other: String, _ expected: String) throws {
        #expect(try path(text).moved(from: path(folder), to: path(other)).text == expected)
    }

    @Test func spellingsOfOneLetterAreDifferentAndInOrderOfTheirBytes() throws {
        let composed = try path("\u{e9}")
        let decomposed = try path("e\u{301}")
        #expect(composed != decomposed && Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
        #expect(try path("B") < path("a") && path("a-b") < path("a/b") && path("a") < path("a/b"))
    }

    @Test(arguments: 0..<30) func aFolderComesBeforeWhatIsInside(_ seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let paths = try (0..<60).map { _ in
            let parts = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                ["a", "b", "a-", "ab", "é"].randomElement(using: &random) ?? "a"
            }
            return try path(parts.joined(separator: "/"))
        }
        let sorted = paths.sorted()
        for (index, path) in sorted.enumerated() {
            #expect(!sorted[index...].contains { path.isInside($0) })
        }
    }
}

@Suite struct TemporaryNamesTests {
    private let names = TemporaryNames(["*.tmp", ".*", "tmp", "in?"])

    @Test(arguments: [
        "a.tmp", "A.TMP", "a.Tmp", ".tmp", "d/a.tmp", "a.tmp/x", ".a", "d/.a", "d/.a/x", "tmp/x", "TMP/x/y",
        "d/tmp",
        "in1/a", "ä.tmp",
    ])
    func anyComponentInAnyCaseMakesANameTemporary(_ path: String) { #expect(names.match(path)) }

    @Test(arguments: ["", "a", "a.tmp2", "atmp", "tmpx/a", "a.b/c.csv", "in/a", "in12/a", "d/a.csv"])
    func everyOtherNameIsFinal(_ path: String) { #expect(!names.match(path)) }

    @Test func withoutPatternsEveryNameIsFinal() { #expect(!TemporaryNames([]).match(".a.tmp")) }
}
