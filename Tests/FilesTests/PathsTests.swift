import Files
import Testing

@Suite struct PathsTests {
    @Test(arguments: [
        ("", ""), ("/", "/"), ("///", "///"), ("a", "a"), ("a/", "a"), ("/a", "a"), ("a/b", "b"), ("/a//b//", "b"),
        ("jü/é.csv", "é.csv"), ("a/ ", " "),
    ])
    func theLastComponentIsWhatStandsBehindTheLastSlashThatHasSomethingBehindIt(path: String, last: String) {
        #expect(Paths.lastComponent(of: path) == last)
    }
}
