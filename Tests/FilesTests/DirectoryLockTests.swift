// Changes of the files of a directory come one after the other, and nobody waits for ever.
import Files
import Foundation
import Support
import Testing

@Suite struct DirectoryLockTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("lock") }

    private func number() throws -> Int {
        try #require(Int(String(contentsOfFile: directory.file("number"), encoding: .utf8)))
    }

    private func write(_ number: Int) throws {
        try FileReplacement.write(Array("\(number)".utf8), to: directory.file("number"))
    }

    @Test func eachOfManyChangesAtOnceBeginsWithWhatTheOneBeforeItMade() async throws {
        try write(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await DirectoryLock.hold([directory.path]) { try write(number() + 1) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try number() == 20)
    }

    @Test func aLockThatSomebodyHoldsForLongIsToldAndNothingIsChanged() async throws {
        let held = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(held) }
        #expect(flock(held, LOCK_EX | LOCK_NB) == 0)
        let problem = await #expect(throws: FileError.self) {
            try await DirectoryLock.hold([directory.path], patience: .zero) { try write(1) }
        }
        #expect(problem?.message.contains("nothing was changed: for 0 s somebody else has held") == true)
        #expect(problem?.message.contains(directory.path) == true)
        #expect(!FileManager.default.fileExists(atPath: directory.file("number")))
        #expect(flock(held, LOCK_UN) == 0)
        try await DirectoryLock.hold([directory.path], patience: .zero) { try write(1) }
        #expect(try number() == 1)
    }

    @Test func aDirectoryWithSeveralNamesIsLockedOnce() async throws {
        symlink(".", directory.file("again"))
        try await DirectoryLock.hold(
            [directory.path, directory.file("again"), directory.path], patience: .zero
        ) { try write(1) }
        #expect(try number() == 1)
    }

    @Test func directoriesThatEachNamesInAnotherOrderDoNotHoldEachOtherUp() async throws {
        let folders = [directory.file("a"), directory.file("b")]
        for folder in folders { mkdir(folder, 0o700) }
        try write(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for turn in 0..<20 {
                group.addTask {
                    let order: [String] = turn.isMultiple(of: 2) ? folders : folders.reversed()
                    try await DirectoryLock.hold(order) { try write(number() + 1) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try number() == 20)
    }

    @Test func afterAChangeThatFailsTheLockIsFree() async throws {
        await #expect(throws: SystemError(EIO)) {
            try await DirectoryLock.hold([directory.path]) { () throws -> Void in throw SystemError(EIO) }
        }
        try await DirectoryLock.hold([directory.path], patience: .zero) {}
    }

    @Test func aDirectoryThatIsNotThereIsForTheChangeToTellOf() async throws {
        try await DirectoryLock.hold([directory.file("none"), directory.path]) { try write(1) }
        #expect(try number() == 1)
    }
}
