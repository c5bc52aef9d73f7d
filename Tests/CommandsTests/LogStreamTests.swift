// The gate's log beside a reader that does not read, reads late, or is gone.
import Files
import Foundation
import Testing

@testable import Commands

@Suite(.timeLimit(.minutes(1))) struct LogStreamTests {
    /// As the program does (`Output.prepare`).
    init() { signal(SIGPIPE, SIG_IGN) }

    /// A pipe as small as the system makes one.
    private struct Pipe {
        /// F_SETPIPE_SZ, which Glibc's module leaves out.
        private static let setSize: Int32 = 1031
        let (reading, writing): (Int32, Int32)

        init() throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
            try #require(fcntl(writing, Self.setSize, 4096) > 0)
        }

        func contents(through end: String) -> String { LogStreamTests.contents(of: reading, through: end) }

        func close() {
            Foundation.close(reading)
            Foundation.close(writing)
        }
    }

    /// What is read until it has this end.
    private static func contents(of descriptor: Int32, through end: String) -> String {
        var (text, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 1000))
        while !text.suffix(end.utf8.count).elementsEqual(end.utf8) {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether who writes them is done before anybody reads.
    private func goesOn(_ lines: [String], to stream: LogStream) -> Bool {
        let done = DispatchSemaphore(value: 0)
        DispatchQueue(label: "writer").async {
            for line in lines { stream.write(line) }
            done.signal()
        }
        return done.wait(timeout: .now() + 20) == .success
    }

    private func lines(_ count: Int) -> [String] {
        (0..<count).map { "line \($0) " + String(repeating: "x", count: 90) + "\n" }
    }

    @Test func whoLogsDoesNotWaitForTheReaderAndNothingIsLostThatFitsIntoMemory() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let stream = LogStream(pipe.writing)
        let lines = lines(1000)
        for line in lines { stream.write(line) }
        // Nobody has read yet: all of them went out of this thread's hands.
        #expect(pipe.contents(through: lines[999]) == lines.joined())
    }

    @Test func linesBeyondTheLimitAreLostAndCountedInTheirPlace() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let stream = LogStream(pipe.writing, most: 10_000)
        let lines = lines(1000)
        for line in lines { stream.write(line) }
        let told = " of this log lost here, because nobody read it\n"
        let found = pipe.contents(through: told).split(separator: "\n").map { "\($0)\n" }
        #expect(found.dropLast() == lines.prefix(found.count - 1) && found.count > 100)
        #expect(found.last == "dropgate: \(lines.count - found.count + 1) lines" + told)
        stream.finish(within: 60)
        stream.write("after\n")
        #expect(pipe.contents(through: "after\n") == "after\n")
    }

    @Test func behindAGapNothingIsKeptBeforeItIsTold() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let stream = LogStream(pipe.writing, most: 5000)
        let lines = lines(200)
        for line in lines { stream.write(line) }
        // Some room again, and the reader has not come to the gap.
        var some = [UInt8](repeating: 0, count: 2000)
        try #require(read(pipe.reading, &some, some.count) > 0)
        stream.write("behind the gap\n")
        let rest = pipe.contents(through: "nobody read it\n")
        #expect(!rest.contains("behind the gap"))
    }

    @Test func aLineLongerThanThePipeComesWhole() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let stream = LogStream(pipe.writing)
        let line = String(repeating: "é", count: 50_000) + "\n"
        stream.write(line)
        #expect(pipe.contents(through: "\n") == line)
    }

    @Test func aLineThatIsLongerThanWhatMayWaitIsToldAndThoseBehindItCome() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let stream = LogStream(pipe.writing, most: 100)
        stream.write(String(repeating: "x", count: 10_000) + "\n")
        #expect(pipe.contents(through: "nobody read it\n").contains("1 line of this log lost here"))
        stream.finish(within: 60)
        stream.write("next\n")
        #expect(pipe.contents(through: "next\n") == "next\n")
    }

    @Test func theDescriptionThatOthersShareGoesOnToWait() throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        LogStream(pipe.writing).write("a\n")
        #expect(fcntl(pipe.writing, F_GETFL) & O_NONBLOCK == 0)
    }

    /// A pseudo terminal takes less than poll(2) lets expect.
    @Test func aTerminalThatNobodyReadsHoldsUpNobody() throws {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(master >= 0)
        defer { Foundation.close(master) }
        // TIOCSPTLCK and TIOCGPTPEER (ioctl_tty(2)).
        var unlocked: Int32 = 0
        try #require(ioctl(master, 0x4004_5431, &unlocked) == 0)
        let terminal = ioctl(master, 0x5441, O_WRONLY | O_NOCTTY)
        try #require(terminal >= 0)
        defer { Foundation.close(terminal) }
        let stream = LogStream(terminal)
        let lines = lines(1000)
        try #require(goesOn(lines, to: stream))
        // A terminal ends lines with two bytes.
        let end = lines[999].dropLast().description + "\r\n"
        #expect(Self.contents(of: master, through: end).split(separator: "\r\n").map { "\($0)\n" } == lines)
    }

    @Test func aSocketThatNobodyReadsHoldsUpNobody() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { Foundation.close(end) } }
        let stream = LogStream(ends[0])
        let lines = lines(20_000)
        try #require(goesOn(lines, to: stream))
        let found = Self.contents(of: ends[1], through: "nobody read it\n").split(separator: "\n")
        #expect(
            found.dropLast().map { "\($0)\n" } == Array(lines.prefix(found.count - 1)) && found.count > 10_000
        )
    }

    @Test func aReaderThatIsGoneHoldsUpNothing() throws {
        let pipe = try Pipe()
        let stream = LogStream(pipe.writing)
        for line in lines(1000) { stream.write(line) }
        pipe.close()
        stream.finish(within: 60)
        stream.write("more\n")
    }

    @Test func anEndDoesNotWaitForAReaderThatDoesNotRead() throws {
        let pipe = try Pipe()
        let stream = LogStream(pipe.writing)
        for line in lines(1000) { stream.write(line) }
        let began = ContinuousClock.now
        stream.finish(within: 0.05)
        #expect(began.duration(to: .now) < .seconds(30))
        pipe.close()
        stream.finish(within: 60)
    }
}
