// The lines of a batch's file, however they lie in what is read of it at once.
import Staging
import Support
import Testing

@testable import Management

@Suite struct BatchLinesTests {
    private let home: TemporaryDirectory
    private let file: OpenFile

    init() throws {
        home = try TemporaryDirectory("lines")
        let directory = try StagingArea(path: home.path).uploads(of: "acme")
        file = try directory.createFile("lines")
    }

    private func lines(limit: Int64 = .max, most: Int = .max) throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        try file.forEachLine(limit: limit) { line in
            found.append(line)
            return found.count < most
        }
        return found
    }

    @Test func linesAreWholeWhereverAPieceEnds() throws {
        var generator = SplitMix(seed: 7)
        var expected: [[UInt8]] = []
        for length in [0, 1, 1 << 18, (1 << 18) - 1, (1 << 18) - 2, 3 << 18, 0, 0, 5]
            + (0..<200).map({ _ in Int.random(in: 0..<20_000, using: &generator) })
        {
            expected.append((0..<length).map { UInt8(ascii: "a") + UInt8($0 % 26) })
        }
        try file.write(Array(expected.joined(separator: [UInt8(ascii: "\n")])))
        #expect(try lines() == expected)
        for most in [1, 2, 4, 100] { #expect(try lines(most: most) == Array(expected.prefix(most))) }
    }

    @Test func whatComesAfterTheLimitIsNotRead() throws {
        try file.write(Array("one\ntwo\nthree\n".utf8))
        func texts(_ limit: Int64) throws -> [String] {
            try lines(limit: limit).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try texts(0).isEmpty)
        #expect(try texts(3) == ["one"] && texts(4) == ["one"] && texts(5) == ["one", "t"])
        #expect(try texts(100) == ["one", "two", "three"])
    }
}
