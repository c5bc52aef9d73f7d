// The files of the ledger's signing key: the private key, 0600, and beside it the public keys, old ones too.
package import Files
import Foundation
package import Ledger
package import Settings

package struct LedgerKeys: Sendable {
    let settings: LedgerSettings
    let ledger: LedgerHandle
    private let node: String

    var publicFile: String { settings.key + ".pub" }
    /// The key to come, until it is in its place: while a rotation goes on, and after one that was cut off.
    var nextFile: String { settings.key + ".next" }

    package init(_ settings: GateSettings) {
        self.settings = settings.ledger
        ledger = settings.ledgerHandle
        node = settings.node
    }

    /// Throws where this process may not look.
    package func isThere() throws(FileError) -> Bool { try Presence.check(settings.key) }

    /// Throws where this process may not look.
    package func hasPublicKeys() throws(FileError) -> Bool { try Presence.check(publicFile) }

    package func make() throws {
        let key = try NoteSigner(name: Checkpoint.origin(node: node))
        try publish(key.verifier)
        try FileReplacement.write(Array((key.secretText + "\n").utf8), to: settings.key, mode: 0o600)
    }

    /// What to say where the key is not there: nil when nothing shows that it ever was, and `make` may make it. A ledger cannot
    /// go on under another key: nobody could tell that from a forgery.
    package var loss: ManagementError? {
        let isNew = (try? ledger.isThere()) == false && (try? ledger.checkpoints.isEmpty()) == true
        guard !isNew else { return nil }
        return ManagementError(
            .configuration, "\(settings.key) is gone: the key that signs the ledger \(ledger)",
            fix: "put it back from the backup; if there is none, close this ledger and begin a new one, as "
                + ".github/guides/operating.md says under \"When a key is lost\"")
    }

    package var made: [String] { [settings.key, publicFile] }

    /// Throws `ManagementError` when there is no good key.
    package func signer() throws -> NoteSigner {
        guard try isThere() else {
            throw loss
                ?? ManagementError(
                    .configuration, "\(settings.key): the key that signs the ledger is not there",
                    fix: "`dropgate init` makes it")
        }
        let secret: [UInt8]
        do throws(FileError) { secret = try FileReading.secret(settings.key) } catch {
            throw ManagementError(.configuration, error.message)
        }
        return try key(secret)
    }

    /// The signing key that a file's bytes are. Throws `ManagementError` where they are none, or one of another ledger: what
    /// that signs, no reader of this ledger believes, and no gate starts with.
    private func key(_ secret: [UInt8]) throws -> NoteSigner {
        let text = String(decoding: secret, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard let key = NoteSigner(text) else {
            throw ManagementError(
                .configuration, "\(settings.key) is not a signing key of notes (PRIVATE+KEY+…)",
                fix: loss?.fix ?? "move it away; then `dropgate init` makes one")
        }
        guard try hasPublicKeys(), try verifiers().contains(key.verifier) else {
            throw ManagementError(
                .configuration, "\(publicFile) does not hold the public half of \(settings.key)",
                fix:
                    "put both back from the backup: without the public keys nothing that was signed can be verified"
            )
        }
        return key
    }

    /// All public keys of this ledger.
    package func verifiers() throws -> Set<NoteVerifier> { try Self.verifiers(publicFile) }

    /// The public keys in a file, one a line; lines that begin with # are comments.
    package static func verifiers(_ path: String) throws -> Set<NoteVerifier> {
        let lines = YAMLFile.withoutMark(try FileReading.text(path)).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let numbered = lines.enumerated().filter { !$0.element.isEmpty && !$0.element.hasPrefix("#") }
        let keys = try numbered.map { index, line -> NoteVerifier in
            // What stands there may be a private key.
            guard let key = NoteVerifier(String(line)) else {
                let isPrivate = line.hasPrefix("PRIVATE+KEY+")
                throw ManagementError(
                    .configuration,
                    "\(path): line \(index + 1) is not a public key of notes (NAME+ID+BASE64)",
                    fix: isPrivate ? "this is a private key: give the file beside it that ends in .pub" : nil)
            }
            return key
        }
        guard !keys.isEmpty else { throw ManagementError(.configuration, "\(path) holds no verifier key") }
        return Set(keys)
    }

    // MARK: Backup

    /// Copies the key and its public keys into a new directory, 0700, durably. What is not there is left out;
    /// throws where this process may not look.
    /// - Returns: why what was copied cannot sign this ledger; nil when it can.
    func copy(into directory: String) throws -> ManagementError? {
        try GateDirectories.make(directory)
        var problem = loss
        // The key to come before the one that it may replace meanwhile: where the ledger names it, the copy has it.
        for file in [nextFile, settings.key, publicFile] where try Presence.check(file) {
            let bytes = try FileReading.bytes(file, limit: FileReading.maximumSecret)
            let mode: UInt32 = file == publicFile ? 0o644 : 0o600
            try FileReplacement.write(
                bytes, to: "\(directory)/\(Paths.lastComponent(of: file))", mode: mode)
            guard file == settings.key else { continue }
            do {
                _ = try key(bytes)
                problem = nil
            } catch {
                problem = ManagementError.of(error)
            }
        }
        return problem
    }

    // MARK: Public keys

    func publish(_ key: NoteVerifier) throws {
        let old = (try? FileReading.text(publicFile)) ?? ""
        try FileReplacement.write(Array((old + key.description + "\n").utf8), to: publicFile)
    }

    /// Takes back a key that signed nothing.
    func unpublish(_ key: NoteVerifier) throws {
        guard try hasPublicKeys() else { return }
        let lines = try FileReading.text(publicFile).split(whereSeparator: \.isNewline)
        let rest = lines.filter { $0 != key.description }
        guard rest.count < lines.count else { return }
        let text = rest.map { "\($0)\n" }.joined(separator: "")
        try FileReplacement.write(Array(text.utf8), to: publicFile)
    }
}
