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

    @Test func aLinkToWhatIsNoTextIsNotTakenForAnotherOne() throws {
        let directory = try TemporaryDirectory("links")
        let link = directory.file("link")
        try #require(symlink([0x61, -1, 0], link) == 0)
        #expect(throws: SystemError(EILSEQ)) { try Paths.target(ofLink: link) }
    }
}
