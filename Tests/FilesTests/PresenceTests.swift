// What keeps a process from reading a file.
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

    // MARK: What lets somebody in

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func whatIsClosedToItsOwnUserIsToBeOpened() throws {
        let directory = try TemporaryDirectory("remedy")
        let file = directory.file("a")
        try "a".write(toFile: file, atomically: false, encoding: .utf8)
        #expect(Presence.remedy(file) == nil, "nothing is wrong with it")
        try #require(chmod(file, 0) == 0)
        #expect(Presence.remedy(file) == "chmod u+rwX \(file)")
        #expect(
            Presence.denial(file, SystemError(EACCES))
                == "permission denied: \(SystemUser.own) may not read \(file): chmod u+rwX \(file)")
    }

    /// shadow(5) is root's, and so are the directories above it.
    @Test(.enabled(if: geteuid() != 0 && access("/etc/shadow", R_OK) != 0, "root may read everything"))
    func whatIsRootsIsToBeGivenToTheUserOfTheGate() throws {
        let home = try TemporaryDirectory("gift")
        let file = "/etc/shadow"
        let remedy = try #require(Presence.remedy(file))
        let isOfGroup = remedy.hasPrefix("join the group ")
        let words =
            "the gate's user must be able to read it: as root, chgrp it to a group of that user, and chmod g+r it"
        #expect(isOfGroup || remedy == words, "\(remedy)")
        let error = try #require(Presence.gift(file, to: home.path))
        let gift = "it belongs to root; give it to the gate's user (chown \(SystemUser.own) \(file))"
        #expect(error.message.hasSuffix(gift) && error.isDenial && error.saysFix, "\(error)")
        #expect(Presence.gift(file, to: "/etc") == nil, "that is root's, too")
        #expect(Presence.gift(home.file("none"), to: home.path) == nil)
    }

    /// The group of the directory above may have been let in to the ledger, and to nothing else.
    @Test func whatIsGivenToAUserKeepsItsGroup() throws {
        let directory = try TemporaryDirectory("handover")
        try "a".write(toFile: directory.file("a"), atomically: false, encoding: .utf8)
        let (own, file) = (SystemUser.own, directory.file("a"))
        #expect(Presence.handover(file, to: geteuid()) == "chown \(own) \(file)")
        #expect(Presence.handover(directory.path, to: geteuid()) == "chown -R \(own) \(directory.path)")
        // A user that the system knows no name of.
        #expect(Presence.handover(file, to: 4_000_000_123) == "chown 4000000123 \(file)")
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
}
