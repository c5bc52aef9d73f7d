// Paths as sent: nothing leaves the root, nothing strange gets in, and different bytes are different names.
import SFTPWire
import Testing

@Suite struct VirtualPathTests {
    @Test(arguments: [
        ("", "/"), (".", "/"), ("/", "/"), ("//", "/"), ("..", "/"), ("/../..", "/"), ("a", "/a"),
        ("/a/", "/a"),
        ("a//b", "/a/b"), ("a/./b", "/a/b"), ("a/../b", "/b"), ("/a/b/../../../c", "/c"), ("./a", "/a"),
        ("a/..", "/"), ("...", "/..."), (".in.x", "/.in.x"), ("~", "/~"), ("a b", "/a b"), ("é", "/é"),
        ("/../etc/passwd", "/etc/passwd"), ("C:\\x", "/C:\\x"), ("שלום.csv", "/שלום.csv"),
        ("\u{1F469}\u{200D}\u{1F467}", "/\u{1F469}\u{200D}\u{1F467}"),
    ])
    func staysInTheRoot(_ sent: String, _ expected: String) throws {
        #expect(try VirtualPath(sent: Array(sent.utf8)).description == expected)
    }

    @Test(arguments: [
        Array("a\u{0}b".utf8), Array("a\nb".utf8), Array("a\u{7f}".utf8), Array("\u{1b}[2J".utf8), [0xff],
        [0xc0, 0x80],
        [0xed, 0xa0, 0x80],
    ])
    func refuses(_ sent: [UInt8]) {
        #expect(throws: PathError.self) { try VirtualPath(sent: sent) }
    }

    @Test(arguments: [("a", 256), ("a/", 33), ("/", 1025)])
    func refusesWhatIsTooLong(_ piece: String, count: Int) {
        let sent = Array(String(repeating: piece, count: count).utf8)
        #expect(throws: PathError.self) { try VirtualPath(sent: sent) }
    }

    @Test(
        arguments: [0x85, 0x2028, 0x2029] + Array(0x202A...0x202E) + Array(0x2066...0x2069) as [UInt32])
    func refusesWhatMakesANameLookLikeAnother(_ scalar: UInt32) throws {
        let text = "a\(Character(try #require(Unicode.Scalar(scalar))))b"
        for sent in [text, "\(text)/c", "c/\(text)"] {
            #expect(throws: PathError.self) { try VirtualPath(sent: Array(sent.utf8)) }
        }
        let client = Conversation()
        #expect(client.open(text, [.write, .create]).code == .failure)
        #expect(client.reports.map(\.reason) == [.badPath])
        #expect(client.store.requests.isEmpty)
    }

    /// With these a slash is no character of its own.
    @Test(arguments: [
        "\u{301}x.csv", "d/\u{301}x.csv", "\u{FE0F}", "\u{200D}a", "d\u{600}/a", "\u{1F3FD}/a", "\u{64B}",
    ])
    func aNameThatJoinsTheSlashBesideItIsRefused(sent: String) {
        let error = #expect(throws: PathError.self) { try VirtualPath(sent: Array(sent.utf8)) }
        #expect(error?.description.contains("joins what stands beside it") == true)
    }

    @Test(arguments: ["e\u{301}.csv", "é/è", "لقاح.csv", "देवनागरी/क", "😀/👩‍⚕️.txt"])
    func aNameInAnyLanguageIsTaken(sent: String) throws {
        #expect(try VirtualPath(sent: Array(sent.utf8)).text.utf8.elementsEqual(sent.utf8))
    }

    @Test func takesTheLongestNameAndTheDeepestPath() throws {
        #expect(try VirtualPath(sent: Array(repeating: UInt8(ascii: "a"), count: 255)).name.count == 255)
        _ = try VirtualPath(sent: Array(String(repeating: "a/", count: 32).utf8))
    }

    @Test func spellingsOfOneLetterAreDifferentNames() throws {
        let composed = try VirtualPath(sent: Array("\u{e9}".utf8))
        let decomposed = try VirtualPath(sent: Array("e\u{301}".utf8))
        #expect(composed != decomposed)
    }

    @Test(arguments: [
        ("/a/b", "/a", true), ("/ab", "/a", false), ("/a", "/a", false), ("/a", "/", true), ("/", "/", false),
    ])
    func knowsWhatIsInside(_ path: String, _ directory: String, _ expected: Bool) throws {
        let path = try VirtualPath(sent: Array(path.utf8))
        #expect(path.isInside(try VirtualPath(sent: Array(directory.utf8))) == expected)
    }

    @Test func aBadPathIsRefusedByEveryRequestAndReported() {
        for type in [PacketType.stat, .lstat, .opendir, .remove, .mkdir, .rmdir, .realpath] {
            let client = Conversation()
            #expect(client.path(type, "a\u{1}b").code == .failure)
            #expect(client.reports.map(\.reason) == [.badPath])
            #expect(client.reports.first?.path == "a\\x01b")
            #expect(client.store.requests.isEmpty)
        }
        let client = Conversation()
        #expect(client.open("\u{0}", [.write, .create]).code == .failure)
        #expect(client.paths(.rename, "a", "b\u{0}").code == .failure)
        #expect(client.setstat("\u{0}").code == .failure)
        #expect(client.reports.count == 3)
    }
}
