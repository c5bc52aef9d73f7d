// Segment files: what is written is read again from any line on, by others' programs too, and what earlier versions wrote.
import Foundation
import Support
import Testing

@testable import Ledger

@Suite struct SegmentFileTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory("segment") }

    private func line(_ number: Int64) -> [UInt8] {
        Array("{\"seq\":\(number),\"text\":\"\(number * 7919)\"}".utf8)
    }

    @discardableResult
    private func write(_ count: Int64) throws -> String {
        _ = try SegmentFile.write("x.jsonl.gz", in: directory.path) { give in
            for number in 0..<count { try line(number).withUnsafeBytes(give) }
        }
        return directory.file("x.jsonl.gz")
    }

    private func read(_ path: String, from first: Int64, most: Int = .max) throws -> [(Int64, [UInt8])] {
        var lines: [(Int64, [UInt8])] = []
        try SegmentFile.read(path, from: first) { number, line in
            if number >= first { lines.append((number, Array(line))) }
            return lines.count < most
        }
        return lines
    }

    private func shell(_ script: String, _ argument: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", script, "sh", argument]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    @Test func anyLineIsFoundWithoutThoseOfOtherMembers() throws {
        let count = Int64(SegmentMember.lines) * 3 + 5
        let path = try write(count)
        #expect(try SegmentFile.starts(path) == [0, 2048, 4096, 6144, count])
        for first in [0, 1, 2047, 2048, 2049, 4096, 6143, 6144, count - 1] as [Int64] {
            let found = try read(path, from: first, most: 3)
            #expect(found.map(\.0) == Array((first..<count).prefix(3)))
            #expect(found.map(\.1) == found.map { line($0.0) })
            var given = 0
            try SegmentFile.read(path, from: first) { number, _ in
                given += 1
                return number < first
            }
            #expect(given <= SegmentMember.lines)
        }
        #expect(try read(path, from: count).isEmpty && read(path, from: count + 1).isEmpty)
        #expect(try read(path, from: 0).count == Int(count))
    }

    @Test func otherProgramsReadItAsOneFile() throws {
        let path = try write(5000)
        try shell("gzip -t \"$1\" && zcat \"$1\" > \"$1.txt\"", path)
        let text = try Data(contentsOf: URL(filePath: path + ".txt"))
        #expect(Array(text) == (0..<5000).flatMap { line($0) + [0x0A] })
    }

    /// As versions before this one wrote it, and as whoever packs a file again does.
    @Test func aFileOfOneMemberWithoutTheFieldIsReadFromItsStart() throws {
        let path = try write(5000)
        try shell("zcat \"$1\" | gzip > \"$1.new\" && mv \"$1.new\" \"$1\"", path)
        #expect(try SegmentFile.starts(path) == [0])
        #expect(try read(path, from: 4000, most: 2).map(\.0) == [4000, 4001])
        #expect(try read(path, from: 4000, most: 1).map(\.1) == [line(4000)])
    }

    @Test(arguments: [0, 1, 23, 24, 25, 1 << 10, 1 << 20, 0xFFFF_FFFF] as [UInt32])
    func aSizeThatIsNotTrueIsNotFollowed(size: UInt32) throws {
        let path = try write(5000)
        var bytes = try Array(Data(contentsOf: URL(filePath: path)))
        bytes.replaceSubrange(16..<20, with: withUnsafeBytes(of: size.littleEndian) { Array($0) })
        try Data(bytes).write(to: URL(filePath: path))
        #expect(try SegmentFile.starts(path) == [0])
        #expect(try read(path, from: 4000, most: 1).map(\.1) == [line(4000)])
        #expect(try read(path, from: 0).count == 5000)
    }

    @Test func aLongLineHasAMemberOfItsOwn() throws {
        let long = [UInt8](repeating: 0x61, count: SegmentMember.bytes + 1)
        _ = try SegmentFile.write("x.jsonl.gz", in: directory.path) { give in
            for _ in 0..<3 { try long.withUnsafeBytes(give) }
        }
        let path = directory.file("x.jsonl.gz")
        #expect(try SegmentFile.starts(path) == [0, 1, 2, 3])
        #expect(try read(path, from: 2).map(\.1.count) == [long.count])
    }
}
