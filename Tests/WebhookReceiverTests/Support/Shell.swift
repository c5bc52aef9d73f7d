// Runs programs that a test needs (openssl, curl) and waits for their end.
import Foundation
import Subprocess
import SystemPackage

struct ProgramResult: Sendable {
    var status: Int32
    var output: String
    var error: String
}

enum Shell {
    /// Runs a program of the path. Its input and output are files: it may leave input unread.
    @discardableResult
    static func run(_ arguments: [String], input: [UInt8] = [], in directory: String = "/tmp") async throws
        -> ProgramResult
    {
        let base = NSTemporaryDirectory() + "run-" + UUID().uuidString
        let names = (input: base + ".in", output: base + ".out", error: base + ".err")
        defer {
            for name in [names.input, names.output, names.error] {
                try? FileManager.default.removeItem(atPath: name)
            }
        }
        try Data(input).write(to: URL(filePath: names.input))
        func writing(_ name: String) throws -> FileDescriptor {
            try .open(
                FilePath(name), .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
        }
        let result = try await Subprocess.run(
            .name(arguments[0]), arguments: Arguments(Array(arguments.dropFirst())),
            workingDirectory: FilePath(directory),
            input: .fileDescriptor(
                try .open(FilePath(names.input), .readOnly, options: [.closeOnExec]),
                closeAfterSpawningProcess: true),
            output: .fileDescriptor(try writing(names.output), closeAfterSpawningProcess: true),
            error: .fileDescriptor(try writing(names.error), closeAfterSpawningProcess: true))
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: URL(filePath: name)), as: UTF8.self)
        }
        var status: Int32 = -1
        if case .exited(let code) = result.terminationStatus { status = code }
        return ProgramResult(status: status, output: try text(names.output), error: try text(names.error))
    }
}
