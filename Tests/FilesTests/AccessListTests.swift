// Access control lists as Linux stores them, against the kernel's own reading of them.
import CShims
import Foundation
import Support
import Testing

@testable import Files

@Suite struct AccessListTests {
    private static func stored(_ path: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = dropgate_getxattr(path, AccessList.attribute, &bytes, bytes.count)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    private static func store(_ list: AccessList, _ path: String) -> Bool {
        let bytes = list.bytes
        return dropgate_setxattr(path, AccessList.attribute, bytes, bytes.count) == 0
    }

    private static func mode(_ path: String) throws -> mode_t {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return status.st_mode & 0o7777
    }

    @Test func theKernelTakesEveryListAndGivesItBack() throws {
        let directory = try TemporaryDirectory("acl")
        var random = SplitMix(seed: 1)
        for _ in 0..<300 {
            var list = AccessList(mode: mode_t(random.next() % 0o1000))
            for _ in 0..<random.next() % 4 {
                list.users[uid_t(random.next() % 5000)] = UInt16(random.next() % 8)
            }
            for _ in 0..<random.next() % 4 {
                list.groups[gid_t(random.next() % 5000)] = UInt16(random.next() % 8)
            }
            try #require(Self.store(list, directory.path))
            #expect(try Self.mode(directory.path) == list.mode)
            // What a mode can say is kept as one.
            #expect(Self.stored(directory.path) == (list.isPlain ? nil : list.bytes))
            #expect(AccessList(parsing: list.bytes) == list)
        }
        chmod(directory.path, 0o700)
    }

    @Test func whatTheMaskTakesFromSomebodyIsNotTheirs() throws {
        let directory = try TemporaryDirectory("acl")
        var list = AccessList(mode: 0o750)
        list.groups[1234] = 1
        try #require(Self.store(list, directory.path))
        // Of a file with a list, chmod(2) sets the mask.
        try #require(chmod(directory.path, 0o710) == 0)
        var masked = list
        masked.group = 1
        #expect(Self.stored(directory.path).flatMap(AccessList.init(parsing:)) == masked)
    }

    @Test func whatIsNoListIsRefused() {
        let good = AccessList(mode: 0o750).bytes
        let unknownTag: [UInt8] = Array(good.prefix(4)) + [0x40] + Array(good.dropFirst(5))
        let bad: [[UInt8]] = [[], [2], [1, 0, 0, 0], Array(good.dropLast()), good + [0], unknownTag]
        for bytes in bad {
            #expect(AccessList(parsing: bytes) == nil, "\(bytes.count) bytes")
        }
    }
}

@Suite struct AccessGroupTests {
    /// Groups that this process may give files to: root any, others their own.
    private static let first = AccessGroup(formerly: "first", geteuid() == 0 ? 4001 : getegid())
    private static let second = AccessGroup(formerly: "second", 4002)

    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("group") }

    private func status(_ path: String) throws -> stat {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return status
    }

    private func list() throws -> AccessList {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = dropgate_getxattr(directory.path, AccessList.attribute, &bytes, bytes.count)
        guard count > 0 else { return AccessList(mode: try status(directory.path).st_mode) }
        return try #require(AccessList(parsing: Array(bytes[..<count])))
    }

    /// One group reads a directory and another one goes through it, whoever comes or goes first.
    @Test(arguments: [[0, 1], [1, 0]], [[0, 1], [1, 0]])
    func twoGroupsOfOneDirectoryDoNotDisturbEachOther(coming: [Int], going: [Int]) throws {
        let path = directory.path
        let came = [{ try Self.first.admit(directory: path) }, { try Self.second.pass(through: path) }]
        let gone = [{ try Self.first.dismiss(from: path) }, { try Self.second.endPassing(through: path) }]
        // Twice: what is so already stays so.
        for step in coming + coming { try came[step]() }
        var both = AccessList(mode: 0o750)
        both.groups[4002] = 1
        #expect(try list() == both)
        #expect(try status(path).st_gid == Self.first.number)
        try gone[going[0]]()
        var left = AccessList(mode: going[0] == 0 ? 0o700 : 0o750)
        if going[0] == 0 { left.groups[4002] = 1 }
        #expect(try list() == left)
        try gone[going[1]]()
        #expect(try list() == AccessList(mode: 0o700))
        #expect(try status(path).st_gid == getegid())
        #expect(dropgate_getxattr(path, AccessList.attribute, nil, 0) < 0)
    }

    @Test func aDirectoryThatIsOpenedToNobodyIsLeftAlone() throws {
        try Self.second.endPassing(through: directory.path)
        try Self.second.endPassing(through: directory.file("nothing"))
        #expect(try status(directory.path).st_mode & 0o777 == 0o700)
        #expect(throws: FileError.self) { try Self.second.pass(through: directory.file("nothing")) }
        try Data().write(to: URL(filePath: directory.file("file")))
        #expect(throws: FileError.self) { try Self.second.pass(through: directory.file("file")) }
        symlink(directory.path, directory.file("link"))
        #expect(throws: FileError.self) { try Self.second.pass(through: directory.file("link")) }
    }
}
