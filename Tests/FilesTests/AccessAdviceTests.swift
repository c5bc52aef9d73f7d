// What lets somebody in whom the system has refused.
import Files
import Foundation
import Support
import Testing

@Suite struct AccessAdviceTests {
    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func whatIsClosedToItsOwnUserIsToBeOpened() throws {
        let directory = try TemporaryDirectory("remedy")
        let file = directory.file("a")
        try "a".write(toFile: file, atomically: false, encoding: .utf8)
        #expect(AccessAdvice.remedy(file) == nil, "nothing is wrong with it")
        try #require(chmod(file, 0) == 0)
        #expect(AccessAdvice.remedy(file) == "chmod u+rwX \(file)")
        #expect(
            AccessAdvice.denial(file, SystemError(EACCES))
                == "permission denied: \(SystemUser.own) may not read \(file): chmod u+rwX \(file)")
    }

    /// shadow(5) is root's, and so are the directories above it.
    @Test(.enabled(if: geteuid() != 0 && access("/etc/shadow", R_OK) != 0, "root may read everything"))
    func whatIsRootsIsToBeGivenToTheUserOfTheGate() throws {
        let home = try TemporaryDirectory("gift")
        let file = "/etc/shadow"
        let remedy = try #require(AccessAdvice.remedy(file))
        let isOfGroup = remedy.hasPrefix("join the group ")
        let words =
            "the gate's user must be able to read it: as root, chgrp it to a group of that user, and chmod g+r it"
        #expect(isOfGroup || remedy == words, "\(remedy)")
        let error = #expect(throws: FileError.self) { try FileReading.text(file) }
        let denial = try #require(error)
        let given = denial.toBeGiven([home.file("none"), file], toOwnerOf: home.path)
        let advice = "it belongs to root; give it to the gate's user: chown \(SystemUser.own) \(file)"
        #expect(given.message.hasSuffix(advice) && given.isDenial && given.saysFix, "\(given)")
        let roots = denial.toBeGiven([file], toOwnerOf: "/etc")
        #expect(roots.message == denial.message, "that is root's, too")
        #expect(denial.toBeGiven([home.file("none")], toOwnerOf: home.path).message == denial.message)
    }

    /// The group of the directory above may have been let in to the ledger, and to nothing else.
    @Test func whatIsGivenToAUserKeepsItsGroup() throws {
        let directory = try TemporaryDirectory("handover")
        try "a".write(toFile: directory.file("a"), atomically: false, encoding: .utf8)
        let (own, file) = (SystemUser.own, directory.file("a"))
        #expect(AccessAdvice.handover(file, to: geteuid()) == "chown \(own) \(file)")
        #expect(AccessAdvice.handover(directory.path, to: geteuid()) == "chown -R \(own) \(directory.path)")
        // A user that the system knows no name of.
        #expect(AccessAdvice.handover(file, to: 4_000_000_123) == "chown 4000000123 \(file)")
        #expect(
            AccessAdvice.handoverToGate(file, geteuid()) == "give it to the gate's user: chown \(own) \(file)"
        )
    }

    @Test func onlyOfADirectoryItsContentsAreOpenedToo() throws {
        let directory = try TemporaryDirectory("opening")
        try "a".write(toFile: directory.file("a"), atomically: false, encoding: .utf8)
        let (path, file) = (directory.path, directory.file("a"))
        #expect(AccessAdvice.opening(path) == "chmod u+rwX \(path)")
        #expect(AccessAdvice.opening(path, withContents: true) == "chmod -R u+rwX \(path)")
        #expect(AccessAdvice.opening(file, withContents: true) == "chmod u+rwX \(file)")
    }
}
