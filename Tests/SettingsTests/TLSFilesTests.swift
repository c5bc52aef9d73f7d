// PEM files as settings name them: what is wrong with one names it.
import Files
import Foundation
import Settings
import Support
import TLS
import Testing

@Suite struct TLSFilesTests {
    private let directory: TemporaryDirectory
    private let trial: TrialCertificate

    init() throws {
        directory = try TemporaryDirectory("pem")
        trial = try TrialCertificate(host: "gate.example", now: 1_795_000_000)
    }

    private func put(_ text: String, mode: Int = 0o600) throws -> String {
        let file = directory.file("file.pem")
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    @Test func goodFilesAreRead() throws {
        let file = try put(trial.certificate + trial.certificate, mode: 0o644)
        let chain = try TLSFiles.certificates(file)
        #expect(chain.count == 2 && chain.end == 1_795_000_000 + 365 * 86400)
        #expect(try TLSFiles.key(put(trial.key, mode: 0o640)).fits(chain[0]))
    }

    @Test(arguments: ["", "rubbish", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"])
    func whatHoldsNoCertificateIsNamed(text: String) throws {
        let file = try put(text)
        let error = #expect(throws: FileError.self) { try TLSFiles.certificates(file) }
        #expect(error?.message.hasPrefix(file + ":") == true)
        let other = #expect(throws: FileError.self) { try TLSFiles.key(file) }
        #expect(other?.message == "\(file): no readable PEM private key in it")
    }

    @Test func aKeyThatOthersMayReadIsRefusedAtEachReading() throws {
        let file = try put(trial.key, mode: 0o644)
        let error = #expect(throws: FileError.self) { try TLSFiles.key(file) }
        #expect(error?.message.contains("can be read by others (mode 0644): chmod 600") == true)
    }

    @Test func aLockedKeyIsSaidToBeLocked() throws {
        let run = Process()
        run.executableURL = URL(filePath: "/usr/bin/openssl")
        let file = try put(trial.key)
        run.arguments = ["pkey", "-in", file, "-aes256", "-passout", "pass:x", "-out", file + ".locked"]
        try run.run()
        run.waitUntilExit()
        let error = #expect(throws: FileError.self) { try TLSFiles.key(file + ".locked") }
        #expect(error?.message.contains("the key in it is encrypted") == true)
    }

    @Test func whatIsNoFileIsNoFile() throws {
        for path in [directory.file("absent"), directory.path] {
            #expect(throws: FileError.self) { try TLSFiles.certificates(path) }
            #expect(throws: FileError.self) { try TLSFiles.key(path) }
        }
        // A FIFO would wait for a writer.
        try #require(mkfifo(directory.file("fifo"), 0o600) == 0)
        #expect(throws: FileError.self) { try TLSFiles.key(directory.file("fifo")) }
    }
}

@Suite struct FileSignatureTests {
    @Test func aFileOfOtherBytesOrAnotherModeIsAnotherOne() throws {
        let directory = try TemporaryDirectory("signature")
        let file = directory.file("a")
        #expect(FileSignature(path: file) == nil)
        try "one".write(toFile: file, atomically: false, encoding: .utf8)
        var status = stat()
        try #require(stat(file, &status) == 0)
        let times = [status.st_atim, status.st_mtim]
        let first = try #require(FileSignature(path: file))
        #expect(FileSignature(path: file) == first)
        // The same size, and the time of its last change put back: only the inode's own time tells.
        try "two".write(toFile: file, atomically: false, encoding: .utf8)
        try #require(utimensat(AT_FDCWD, file, times, 0) == 0)
        let second = FileSignature(path: file)
        #expect(second != first)
        try #require(chmod(file, 0o400) == 0)
        #expect(FileSignature(path: file) != second)
    }
}
