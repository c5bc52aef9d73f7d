// The names of later versions: a consumer's pattern finds them, and the file system takes them.
import Staging
import Testing

@Suite struct VersionNameTests {
    @Test(arguments: [
        ("a.csv", "a~2.csv"), ("dir.d/a.csv", "dir.d/a~2.csv"), ("a.tar.gz", "a~2.tar.gz"),
        ("labs.csv.gz", "labs~2.csv.gz"), ("labs.CSV.GZ", "labs~2.CSV.GZ"), ("a.hl7.pgp", "a~2.hl7.pgp"),
        (".hidden", ".hidden~2"), (".hidden.csv", ".hidden~2.csv"), ("dir/.hidden", "dir/.hidden~2"),
        ("noext", "noext~2"), ("dir.d/noext", "dir.d/noext~2"), ("a.b.c", "a.b~2.c"), ("a.", "a~2."),
        ("x.2026.gz", "x.2026~2.gz"), ("x.7z.gz", "x.7z~2.gz"), ("a.gz", "a~2.gz"), (".tar.gz", ".tar~2.gz"),
        ("a..gz", "a.~2.gz"), ("a.csv.gz.gz", "a.csv~2.gz.gz"), ("a~2.csv", "a~2~2.csv"),
        ("mr.smith went home", "mr.smith went home~2"), ("a.12345678", "a~2.12345678"),
        ("a.123456789", "a.123456789~2"), ("größe.größe", "größe~2.größe"),
    ])
    func theVersionStandsBeforeWhatSaysWhatTheFileIs(_ plain: String, _ expected: String) {
        #expect(VersionName.path(plain, version: 2) == expected)
        #expect(VersionName.path(plain, version: 1) == plain)
    }

    @Test(arguments: ["ä", "日", "\u{1F469}\u{200D}\u{1F467}", "e\u{301}", "\u{301}x", "x"])
    func aNameThatIsAsLongAsItMayBeStaysSo(_ letter: String) {
        for ending in [".csv", ".csv.gz", ""] {
            var stem = String(repeating: letter, count: 300)
            while stem.utf8.count + ending.utf8.count > 255 { stem.unicodeScalars.removeLast() }
            for version in [2, 10_000] {
                let path = VersionName.path("dir/" + stem + ending, version: version)
                let name = path.utf8.dropFirst(4)
                #expect(path.utf8.starts(with: "dir/".utf8))
                #expect(name.count <= 255 && name.count > 250)
                #expect(String(Substring(name)).hasSuffix("~\(version)\(ending)"))
                #expect(Directory.isComponent(String(Substring(name))))
            }
        }
    }

    @Test func versionsOfOneNameDiffer() {
        let long = String(repeating: "ä", count: 127)
        for plain in ["a.csv", long, long + "."] {
            let names = (1...300).map { Array(VersionName.path(plain, version: $0).utf8) }
            #expect(Set(names).count == names.count)
        }
    }
}
