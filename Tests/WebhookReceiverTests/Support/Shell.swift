// Runs programs that a test needs (openssl, curl) and waits for their end without blocking a thread of the tests.
import Foundation

struct ProgramResult: Sendable {
    var status: Int32
    var output: String
    var error: String
}

enum Shell {
    /// Runs a program of the path. Throws when it cannot be started.
    @discardableResult
    static func run(_ arguments: [String], input: [UInt8]? = nil, in directory: String = "/tmp") async throws
        -> ProgramResult
    {
        let files = NSTemporaryDirectory() + "run-" + UUID().uuidString
        let names = (out: files + ".out", err: files + ".err", input: files + ".in")
        for name in [names.out, names.err] { _ = FileManager.default.createFile(atPath: name, contents: nil) }
        _ = FileManager.default.createFile(atPath: names.input, contents: Data(input ?? []))
        defer {
            for name in [names.out, names.err, names.input] {
                try? FileManager.default.removeItem(atPath: name)
            }
        }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: directory)
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: names.input))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: names.out))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: names.err))
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: URL(filePath: name)), as: UTF8.self)
        }
        return ProgramResult(
            status: process.terminationStatus, output: try text(names.out), error: try text(names.err))
    }
}
