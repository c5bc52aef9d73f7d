// A file is put in place whole or not at all, and what was there keeps its mode and its links.
import Files
import Foundation
import Support
import Testing

@Suite struct FileReplacementTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("replacement") }

    private func mode(_ name: String) -> UInt32? {
        var status = stat()
        return stat(directory.file(name), &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    private func text(_ name: String) -> String? {
        FileManager.default.contents(atPath: directory.file(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    private var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).sorted()
    }

    @Test func aNewFileGetsTheModeAndAnOldOneKeepsItsOwn() throws {
        try FileReplacement.write(Array("one".utf8), to: directory.file("file"), mode: 0o640)
        #expect(text("file") == "one" && mode("file") == 0o640)
        chmod(directory.file("file"), 0o604)
        try FileReplacement.write(Array("two".utf8), to: directory.file("file"), mode: 0o640)
        #expect(text("file") == "two" && mode("file") == 0o604)
        #expect(names == ["file"])
    }

    @Test func whatACrashLeftStandsInNobodysWay() throws {
        try Data("half".utf8).write(to: URL(filePath: directory.file("file.\(getpid()).new")))
        try FileReplacement.write(Array("one".utf8), to: directory.file("file"))
        #expect(names == ["file"] && text("file") == "one")
    }

    @Test func aFileMovesIntoTheOtherOnesPlace() throws {
        try FileReplacement.write(Array("one".utf8), to: directory.file("file"))
        try FileReplacement.write(Array("two".utf8), to: directory.file("next"))
        try FileReplacement.move(directory.file("next"), to: directory.file("file"))
        #expect(names == ["file"] && text("file") == "two")
        #expect(throws: SystemError(ENOENT)) {
            try FileReplacement.move(directory.file("next"), to: directory.file("file"))
        }
    }

    @Test func theFileBehindALinkIsReplacedAndTheLinkStays() throws {
        try FileReplacement.write(Array("one".utf8), to: directory.file("file"))
        symlink("file", directory.file("link"))
        try FileReplacement.write(Array("two".utf8), to: directory.file("link"))
        #expect(text("file") == "two")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: directory.file("link")) == "file")
    }

    @Test func aRelativePathIsOneOfTheWorkingDirectory() throws {
        let above = String(
            repeating: "../", count: FileManager.default.currentDirectoryPath.split(separator: "/").count)
        try FileReplacement.write(Array("one".utf8), to: above + directory.file("file").dropFirst())
        #expect(text("file") == "one")
    }

    @Test func whatCannotBeWrittenIsNamed() throws {
        let path = directory.file("none/file")
        let problem = #expect(throws: FileError.self) { try FileReplacement.write([1], to: path) }
        #expect(problem?.message == "cannot write \(path): No such file or directory")
    }

    /// Puts "new" in the place of `name`.
    private func install(_ name: String, mayReplace: Bool, fails: Bool = false) throws {
        let folder = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(folder) }
        try FileReplacement.install(name, in: folder, temporary: "temporary", mayReplace: mayReplace) {
            (descriptor) throws(SystemError) in
            try SystemCall.write(Array("new".utf8), to: descriptor)
            if fails { throw SystemError(ENOSPC) }
        } failed: { _, error in
            error
        }
    }

    @Test func aNameThatIsTakenIsReplacedOnlyWhereItMayBe() throws {
        try FileReplacement.write(Array("old".utf8), to: directory.file("file"))
        #expect(throws: SystemError(EEXIST)) { try install("file", mayReplace: false) }
        #expect(text("file") == "old" && names == ["file"])
        try install("other", mayReplace: false)
        try install("file", mayReplace: true)
        #expect(text("file") == "new" && text("other") == "new" && mode("other") == 0o600)
    }

    @Test func whatFailsLeavesTheOldFileAndNothingElse() throws {
        try FileReplacement.write(Array("old".utf8), to: directory.file("file"))
        #expect(throws: SystemError(ENOSPC)) { try install("file", mayReplace: true, fails: true) }
        #expect(text("file") == "old" && names == ["file"])
    }

    @Test func aNameIsSyncedWhereItsDirectoryCanBeOpened() throws {
        try FileReplacement.write([], to: directory.file("file"))
        try FileReplacement.syncName(of: directory.file("file"))
        // That nothing is there is told by what is to be made in it.
        try FileReplacement.syncName(of: directory.file("gone/file"))
    }
}
