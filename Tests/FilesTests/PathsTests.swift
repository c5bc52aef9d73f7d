import Files
import Foundation
import Support
import Testing

@Suite struct PathsTests {
    @Test(arguments: [
        ("", ""), ("/", "/"), ("///", "///"), ("a", "a"), ("a/", "a"), ("/a", "a"), ("a/b", "b"),
        ("/a//b//", "b"),
        ("jü/é.csv", "é.csv"), ("a/ ", " "),
    ])
    func theLastComponentIsWhatStandsBehindTheLastSlashThatHasSomethingBehindIt(path: String, last: String) {
        #expect(Paths.lastComponent(of: path) == last)
    }

    @Test func aLinkIsReadAndWhatIsNoneSaysNothing() throws {
        let directory = try TemporaryDirectory("links")
        let link = directory.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "../jü x/é")
        #expect(try Paths.target(ofLink: link) == "../jü x/é")
        for none in [directory.path, link + "x", link + "/x"] {
            #expect(try Paths.target(ofLink: none) == nil)
        }
    }

    @Test func aPathIsResolvedAsFarAsSomethingIsThere() throws {
        let directory = try TemporaryDirectory("links")
        let real = try #require(Paths.real(directory.path))
        try FileManager.default.createSymbolicLink(atPath: directory.file("link"), withDestinationPath: ".")
        #expect(Paths.resolved(directory.file("link")) == real)
        #expect(Paths.resolved(directory.file("link/a/b")) == real + "/a/b")
        #expect(Paths.resolved("/") == "/" && Paths.resolved("/nowhere/a") == "/nowhere/a")
    }

    @Test func whatLiesInADirectoryIsBelowIt() {
        #expect(Paths.isBelow("/a/b", "/a") && Paths.isBelow("/a/b/c", "/a") && Paths.isBelow("/a", "/"))
        #expect(!Paths.isBelow("/a", "/a") && !Paths.isBelow("/ab", "/a") && !Paths.isBelow("/", "/"))
    }

    @Test func aPatternNamesWhatItWouldFind() {
        #expect(Paths.matches("/s/a.yaml", pattern: "/s/*.yaml"))
        for other in ["/s/.a.yaml", "/s/b/a.yaml", "/s/a.yml"] {
            #expect(!Paths.matches(other, pattern: "/s/*.yaml"), "\(other)")
        }
    }

    @Test func aLinkToWhatIsNoTextIsNotTakenForAnotherOne() throws {
        let directory = try TemporaryDirectory("links")
        let link = directory.file("link")
        try #require(symlink([0x61, -1, 0], link) == 0)
        #expect(throws: SystemError(EILSEQ)) { try Paths.target(ofLink: link) }
    }
}
