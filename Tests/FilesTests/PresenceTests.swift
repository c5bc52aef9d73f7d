// What keeps a process from reading a file.
import Files
import Foundation
import Support
import Testing

@Suite struct PresenceTests {
    @Test func nothingKeepsFromWhatIsThereNorFromWhatIsNot() throws {
        let directory = try TemporaryDirectory("barrier")
        for name in ["", "/none", "/none/none"] {
            #expect(Presence.barrier(directory.path + name) == nil, "\(name)")
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may look everywhere"))
    func theFirstPlaceOnTheWayIsNamed() throws {
        let directory = try TemporaryDirectory("barrier")
        let (upper, lower) = (directory.file("upper"), directory.file("upper/lower"))
        try FileManager.default.createDirectory(atPath: lower, withIntermediateDirectories: true)
        let file = lower + "/a.yaml"
        try "a".write(toFile: file, atomically: false, encoding: .utf8)
        try #require(chmod(file, 0) == 0)
        #expect(Presence.barrier(file) == file && Presence.barrier(lower) == nil)
        try #require(chmod(lower, 0o300) == 0)
        #expect(Presence.barrier(file) == file && Presence.barrier(lower) == lower)
        try #require(chmod(upper, 0) == 0)
        #expect(Presence.barrier(file) == upper && Presence.barrier(lower) == upper)
        try #require(chmod(upper, 0o700) == 0 && chmod(lower, 0o700) == 0)
    }
}
