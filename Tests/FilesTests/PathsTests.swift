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
        #expect(Paths.target(ofLink: link) == "../jü x/é")
        #expect(Paths.target(ofLink: directory.path) == nil && Paths.target(ofLink: link + "x") == nil)
    }
}
