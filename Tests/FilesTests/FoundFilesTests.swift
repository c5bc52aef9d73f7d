// The files that shell patterns name, and the places that could not be looked at for more.
import Files
import Foundation
import Support
import Testing

@Suite struct FoundFilesTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("patterns")
        for name in ["a", "b/c"] {
            try FileManager.default.createDirectory(
                atPath: directory.file(name), withIntermediateDirectories: true)
        }
        for name in ["a/x.yaml", "a/y.yaml", "a/.z.yaml", "a/x.yml", "b/x.yaml", "b/c/x.yaml", "plain"] {
            try Data().write(to: URL(filePath: directory.file(name)))
        }
    }

    private func found(_ patterns: String...) -> FoundFiles { Paths.glob(patterns.map(directory.file)) }

    /// Without the directory of the test.
    private func names(_ files: FoundFiles) -> [String] {
        files.map { String($0.dropFirst(directory.path.count + 1)) }
    }

    @Test(
        arguments: [
            ("*/*.yaml", ["a/x.yaml", "a/y.yaml", "b/x.yaml"]), ("a/[xz].y?ml", ["a/x.yaml"]),
            ("*/x.yaml", ["a/x.yaml", "b/x.yaml"]), ("*/c/*", ["b/c/x.yaml"]), ("a/.*", ["a/.z.yaml"]),
            ("a/\\x.*", ["a/x.yaml", "a/x.yml"]), ("none/*", []),
            ("*/none", []), ("plain/*", []), ("none", ["none"]),
        ] as [(String, [String])])
    func aPatternNamesWhatTheShellWouldTakeItFor(pattern: String, files: [String]) {
        let found = found(pattern)
        #expect(names(found) == files && found.unseen.isEmpty)
    }

    @Test func filesOfSeveralPatternsAreSortedAndEachIsThereOnce() {
        #expect(names(found("b/x.yaml", "*/x.yaml", "a/y.yaml")) == ["a/x.yaml", "a/y.yaml", "b/x.yaml"])
    }

    /// glob(3) takes it for an empty one.
    @Test func aDirectoryThatCannotBeListedIsAmongThemWithTheReason() throws {
        let loop = directory.file("loop")
        try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
        let found = found("*/*.yaml", "*/none")
        #expect(names(found) == ["a/x.yaml", "a/y.yaml", "b/x.yaml", "loop", "loop/none"])
        #expect(found.unseen == [loop: SystemError(ELOOP), loop + "/none": SystemError(ELOOP)])
    }

    @Test(.enabled(if: geteuid() != 0, "root may look everywhere"))
    func aClosedDirectoryIsAmongThem() throws {
        let closed = directory.file("b")
        for mode in [mode_t(0o300), 0] {
            try #require(chmod(closed, mode) == 0)
            let found = found("*/*.yaml")
            #expect(names(found) == ["a/x.yaml", "a/y.yaml", "b"])
            #expect(found.unseen == [closed: SystemError(EACCES)])
        }
        try #require(chmod(closed, 0o700) == 0)
    }

    @Test func aDirectoryWhoseNameIsNoTextIsNotPassedOver() throws {
        let name = Array(directory.file("c").utf8CString.dropLast()) + [-1, 0]
        try #require(mkdir(name, 0o700) == 0)
        defer { rmdir(name) }
        let found = found("c*/*.yaml")
        #expect(found.count == 1 && Array(found.unseen.values) == [SystemError(EILSEQ)])
    }
}
