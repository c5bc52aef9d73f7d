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

        /// Until the writing end is closed.
        func contents() -> String {
            var (text, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 1000))
            while case let count = read(reading, &buffer, buffer.count), count > 0 {
                text += buffer[..<count]
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    private func lines(_ count: Int) -> [String] {
        (0..<count).map { "line \($0) " + String(repeating: "x", count: 90) + "\n" }
    }

    @Test func whoLogsDoesNotWaitForTheReaderAndNothingIsLostThatFitsIntoMemory() throws {
        let pipe = try Pipe()
        let stream = LogStream(pipe.writing)
        let lines = lines(1000)
        for line in lines { stream.write(line) }
        // Nobody has read yet: all of them went out of this thread's hands.
        DispatchQueue.global().async {
            stream.finish(within: 60)
            close(pipe.writing)
        }
        #expect(pipe.contents() == lines.joined())
        close(pipe.reading)
    }

    @Test func linesBeyondTheLimitAreLostAndCounted() throws {
        let pipe = try Pipe()
        let stream = LogStream(pipe.writing, most: 10_000)
        let lines = lines(1000)
        for line in lines { stream.write(line) }
        DispatchQueue.global().async {
            stream.finish(within: 60)
            stream.write("after\n")
            stream.finish(within: 60)
            close(pipe.writing)
        }
        let found = pipe.contents().split(separator: "\n").map { "\($0)\n" }
        let kept = found.prefix { $0.hasPrefix("line ") }
        #expect(Array(kept) == Array(lines.prefix(kept.count)) && kept.count > 100)
        let rest = found.dropFirst(kept.count)
        #expect(
            rest.first?.contains("\(lines.count - kept.count) lines of this log missing here") == true,
            "\(rest)")
        #expect(rest.last == "after\n" && rest.count == 2)
        close(pipe.reading)
    }

    @Test func aLineLongerThanThePipeComesWhole() throws {
        let pipe = try Pipe()
        let stream = LogStream(pipe.writing)
        let line = String(repeating: "é", count: 50_000) + "\n"
        stream.write(line)
        DispatchQueue.global().async {
            stream.finish(within: 60)
            close(pipe.writing)
        }
        #expect(pipe.contents() == line)
        close(pipe.reading)
    }

    @Test func aReaderThatIsGoneHoldsUpNothing() throws {
        let pipe = try Pipe()
        let stream = LogStream(pipe.writing)
        for line in lines(1000) { stream.write(line) }
        close(pipe.reading)
        stream.finish(within: 60)
        stream.write("more\n")
        close(pipe.writing)
    }

    @Test func anEndDoesNotWaitForAReaderThatDoesNotRead() throws {
        let pipe = try Pipe()
        let stream = LogStream(pipe.writing)
        for line in lines(1000) { stream.write(line) }
        let began = ContinuousClock.now
        stream.finish(within: 0.05)
        #expect(began.duration(to: .now) < .seconds(30))
        close(pipe.reading)
        stream.finish(within: 60)
        close(pipe.writing)
    }
}
