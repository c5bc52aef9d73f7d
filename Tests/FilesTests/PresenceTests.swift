// What is there, and what keeps a process from reading it.
import CShims
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

    @Test func theGroupsOfAUserAreThoseThatTheSystemKnows() throws {
        #expect(SystemUser.groups(of: 0).contains(0))
        #expect(SystemUser.groups(of: 4_000_000_123).isEmpty)
    }

    @Test func anAccessControlListIsSeen() throws {
        let directory = try TemporaryDirectory("list")
        #expect(!Presence.hasAccessList(directory.path) && !Presence.hasAccessList(directory.file("none")))
        var list = AccessList(mode: 0o700)
        list.groups[1234] = 7
        let bytes = list.bytes
        try #require(
            dropgate_setxattr(directory.path, AccessList.attribute, bytes, bytes.count) == 0)
        #expect(Presence.hasAccessList(directory.path))
    }

    @Test func whatIsNoFileHasAName() throws {
        let directory = try TemporaryDirectory("kinds")
        try "a".write(toFile: directory.file("file"), atomically: false, encoding: .utf8)
        try #require(mkfifo(directory.file("pipe"), 0o600) == 0)
        #expect(Presence.otherThanFile(directory.file("file")) == nil)
        #expect(Presence.otherThanFile(directory.file("none")) == nil)
        #expect(Presence.otherThanFile(directory.file("pipe")) == "a named pipe")
        #expect(Presence.otherThanFile(directory.path) == "a directory")
        #expect(Presence.otherThanFile("/dev/null") == "a device")
    }

    @Test func whatWasOpenedIsCalledWhatItIsWhateverHasItsNameByNow() throws {
        let directory = try TemporaryDirectory("kinds")
        try #require(mkfifo(directory.file("a"), 0o600) == 0)
        let pipe = open(directory.file("a"), O_RDONLY | O_NONBLOCK)
        try #require(pipe >= 0)
        defer { close(pipe) }
        try FileManager.default.removeItem(atPath: directory.file("a"))
        try "a".write(toFile: directory.file("a"), atomically: false, encoding: .utf8)
        #expect(Presence.otherThanFile(pipe) == "a named pipe")
        #expect(Presence.otherThanFile(directory.file("a")) == nil)
    }
}
