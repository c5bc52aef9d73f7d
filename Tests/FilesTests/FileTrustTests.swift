// Which files may decide for the gate: by owner and mode, theirs and their directory's.
import CShims
import Foundation
import Support
import Testing

@testable import Files

@Suite struct FileTrustTests {
    private static let gate = FileTrust.Judge(user: 990, group: 991)

    @Test(
        arguments: [
            (0, 0, 0o100644, nil), (0, 991, 0o100640, nil), (990, 991, 0o100600, nil),
            (0, 991, 0o100660, nil),
            (990, 0, 0o100664, nil), (0, 0, 0o100666, "o-w"), (990, 991, 0o100602, "o-w"),
            (1000, 1000, 0o100600, "chown root"), (1, 991, 0o100640, "chown root"),
            (0, 100, 0o100664, "g-w"), (990, 100, 0o100660, "g-w"), (0, 100, 0o100644, nil),
            (0, 0, 0o040755, nil), (0, 0, 0o040777, "o-w"), (0, 0, 0o041777, nil), (0, 100, 0o041770, nil),
            (0, 100, 0o040770, "g-w"), (1000, 1000, 0o040755, "chown root"),
        ] as [(UInt32, UInt32, UInt32, String?)])
    func whoeverCouldChangeItIsAskedFor(owner: UInt32, group: UInt32, mode: UInt32, fix: String?) {
        let facts = FileTrust.Facts(owner: owner, group: group, mode: mode)
        let fault = FileTrust.fault(facts, Self.gate)
        #expect(fault == nil ? fix == nil : fault?.fix.contains(fix ?? "?") == true)
        // Root reads for whoever's gate it is; what everybody can write is nobody's.
        let root = FileTrust.fault(facts, FileTrust.Judge(user: 0, group: 0))
        #expect((root != nil) == (fix == "o-w"))
    }

    @Test(
        arguments: [
            (.nobody, 991, 0o100600, false), (.nobody, 991, 0o100640, true), (.nobody, 0, 0o100604, true),
            (.nobody, 0, 0o100610, true), (.group, 0, 0o100640, false), (.group, 991, 0o100440, false),
            (.group, 100, 0o100640, true), (.group, 100, 0o100600, false), (.group, 0, 0o100644, true),
            (.group, 991, 0o100641, true), (.anybody, 100, 0o100644, false),
        ] as [(FileReading.Readers, UInt32, UInt32, Bool)])
    func aSecretIsForThoseWhoMayReadIt(
        readers: FileReading.Readers, group: UInt32, mode: UInt32, isExposed: Bool
    ) {
        let facts = FileTrust.Facts(owner: 990, group: group, mode: mode)
        #expect((FileTrust.exposure(facts, readers, Self.gate) != nil) == isExposed)
    }

    /// In its mode a list shows as rights of the group: the most that anybody has by it.
    @Test func whomAnAccessControlListLetsInCountsToo() {
        func facts(
            _ mode: UInt32, group: UInt32 = 0, users: [UInt32: UInt16] = [:], groups: [UInt32: UInt16] = [:],
            own: UInt16 = 0
        ) -> FileTrust.Facts {
            var list = AccessList(mode: mode_t(mode))
            (list.users, list.groups, list.group) = (users, groups, own)
            return FileTrust.Facts(owner: 0, group: group, mode: list.mode | mode & ~0o777, list: list)
        }
        func fault(_ facts: FileTrust.Facts) -> String? { FileTrust.fault(facts, Self.gate)?.what }
        for kind in [S_IFREG, S_IFDIR] {
            #expect(fault(facts(kind | 0o644, users: [1234: 6]))?.contains("the user 1234") == true)
            #expect(fault(facts(kind | 0o644, groups: [1234: 7]))?.contains("the group 1234") == true)
            #expect(fault(facts(kind | 0o644, users: [0: 7, 990: 7], groups: [0: 7, 991: 7])) == nil)
            #expect(
                fault(facts(kind | 0o750, users: [1234: 5], groups: [1235: 1])) == nil, "who cannot write")
            // The rights are the named group's, and not those of the file's own.
            #expect(fault(facts(kind | 0o700, group: 100, groups: [991: 7])) == nil)
            // The system may know a name of it.
            let name = SystemGroup.name(of: 100) ?? "100"
            let own = fault(facts(kind | 0o700, group: 100, groups: [991: 7], own: 2))
            #expect(own?.contains("the group \(name)") == true)
        }
        #expect(
            fault(facts(S_IFDIR | S_ISVTX | 0o700, users: [1234: 7])) == nil,
            "nobody can take away what is another's")

        #expect(
            FileTrust.fault(facts(S_IFREG | 0o644, users: [1234: 6]), Self.gate)?.fix == "setfacl -x u:1234")
        #expect(
            FileTrust.exposure(facts(S_IFREG | 0o600, groups: [1234: 4]), .group, Self.gate)?.fix
                == "setfacl -x g:1234")
        // What others may is in the mode, whatever the list says.
        #expect(
            FileTrust.exposure(facts(S_IFREG | 0o644, users: [990: 4]), .group, Self.gate)?.fix
                == "chmod o-rwx")

        func exposure(_ facts: FileTrust.Facts) -> String? {
            FileTrust.exposure(facts, .group, Self.gate)?.what
        }
        #expect(exposure(facts(S_IFREG | 0o600, users: [1234: 4]))?.contains("the user 1234") == true)
        #expect(exposure(facts(S_IFREG | 0o600, groups: [1234: 4]))?.contains("the group 1234") == true)
        #expect(exposure(facts(S_IFREG | 0o600, users: [990: 4], groups: [991: 4])) == nil)
        #expect(FileTrust.exposure(facts(S_IFREG | 0o600, users: [990: 4]), .nobody, Self.gate) != nil)
        var unknown = FileTrust.Facts(owner: 0, group: 0, mode: S_IFREG | 0o640)
        unknown.isListUnknown = true
        #expect(fault(unknown) != nil && exposure(unknown) != nil)
    }

    @Test func theListOfAFileIsLookedAt() throws {
        let directory = try TemporaryDirectory("trust")
        let file = directory.file("key")
        try "a".write(toFile: file, atomically: false, encoding: .utf8)
        try #require(chmod(file, 0o600) == 0)
        var status = stat()
        func facts() -> FileTrust.Facts {
            stat(file, &status)
            return FileTrust.Facts(status, at: file)
        }
        #expect(facts().list == nil && !facts().isListUnknown)
        var list = AccessList(mode: 0o600)
        list.users[1234] = 6
        let bytes = list.bytes
        try #require(dropgate_setxattr(file, AccessList.attribute, bytes, bytes.count) == 0)
        #expect(facts().list == list && facts().mode & 0o777 == 0o660)
        try #require(chmod(file, 0o600) == 0)
        #expect(facts().list == nil, "its mask lets nobody in")
    }

    @Test func theWayToADirectoryThatIsALinkCountsToo() throws {
        let directory = try TemporaryDirectory("trust")
        let (open, real) = (directory.file("open"), directory.file("open/real"))
        try FileManager.default.createDirectory(atPath: real, withIntermediateDirectories: true)
        try "a".write(toFile: real + "/a.yaml", atomically: false, encoding: .utf8)
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("link"), withDestinationPath: "open/real")
        let file = directory.file("link/a.yaml")
        try FileTrust.check(file)
        try #require(chmod(open, 0o777) == 0)
        let error = #expect(throws: FileError.self) { try FileTrust.check(file) }
        #expect(error?.message.hasSuffix("can be written by everybody: chmod o-w \(open)") == true)
    }

    @Test func aLinkToWhatCannotBeNamedIsNotBelieved() throws {
        let directory = try TemporaryDirectory("trust")
        let link = directory.file("a.yaml")
        try #require(symlink([0x61, -1, 0], link) == 0)
        let error = #expect(throws: FileError.self) { try FileTrust.check(link) }
        #expect(error?.message.hasPrefix("\(link) is a link whose target cannot be checked") == true)
    }

    @Test func linksThatLeadToEachOtherAreLeftToWhoeverReadsThem() throws {
        let directory = try TemporaryDirectory("trust")
        for (name, target) in [("a", "b"), ("b", "a")] {
            try FileManager.default.createSymbolicLink(
                atPath: directory.file(name), withDestinationPath: target)
        }
        try FileTrust.check(directory.file("a"))
    }

    @Test func theDirectoryOfAFileAndOfALinkToItCountToo() throws {
        let directory = try TemporaryDirectory("trust")
        for name in ["real", "links"] {
            try FileManager.default.createDirectory(
                atPath: directory.file(name), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o755])
        }
        let (file, link) = (directory.file("real/a.yaml"), directory.file("links/a.yaml"))
        try "a".write(toFile: file, atomically: false, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
        try FileTrust.check(link)
        try FileTrust.check(directory.file("absent.yaml"))
        for open in [directory.file("real"), directory.file("links"), directory.path] {
            try #require(chmod(open, 0o777) == 0)
            let error = #expect(throws: FileError.self) { try FileTrust.check(link) }
            let words = ", which leads to it, can be written by everybody: chmod o-w \(open)"
            #expect(error?.message.hasSuffix(words) == true)
            try #require(chmod(open, 0o755) == 0)
        }
        try #require(chmod(file, 0o666) == 0)
        #expect(throws: FileError.self) { try FileTrust.check(link) }
    }
}
