// The gate's SSH host keys: made once by ssh-keygen, never replaced, and their fingerprints for the paper
// that the sender gets. Private keys are only ever read by sshd.
import Crypto
import Foundation
import Staging

package enum HostKeys {
    /// One host key as a sender may check it.
    package struct Description: Sendable, Hashable {
        /// The private key file, absolute.
        package var path: String
        /// "ssh-ed25519" or "ssh-rsa".
        package var type: String
        /// `SHA256:…`, as `ssh-keygen -l` prints it.
        package var fingerprint: String
        /// The line of the .pub file without its comment, for known_hosts.
        package var line: String
    }

    private static let kinds: [(file: String, arguments: [String])] = [
        ("ssh_host_ed25519_key", ["-t", "ed25519"]), ("ssh_host_rsa_key", ["-t", "rsa", "-b", "3072"]),
    ]

    /// Makes what is missing in a directory (itself made 0700 when absent) and returns the private key files.
    package static func ensure(in directory: String) async throws(SSHDError) -> [String] {
        do throws(StagingError) {
            _ = try Directory(path: directory, create: true)
        } catch {
            throw SSHDError(.failed, error.description)
        }
        var paths: [String] = []
        for kind in kinds {
            let path = "\(directory)/\(kind.file)"
            if FileSignature(path: path) == nil { try await make(path, kind.arguments) }
            paths.append(path)
        }
        return paths
    }

    /// Reads the public half of a private key file: its .pub file, or else what ssh-keygen makes of it.
    package static func describe(_ path: String) async throws(SSHDError) -> Description {
        let line: String
        if case .success(let file) = SmallFile.read(path + ".pub", limit: 64 << 10),
            let text = String(validating: file.bytes, as: UTF8.self)
        {
            line = text
        } else {
            let result = try await SSHDTools.run(try keygen(), ["-y", "-P", "", "-f", path])
            guard result.isSuccess else {
                throw SSHDError(.hostKey, "\(path) is no usable host key: \(result.errors.firstLine)")
            }
            line = result.output
        }
        do throws(AccountError) {
            let key = try AuthorizedKey(line.firstLine)
            return Description(
                path: path, type: key.type, fingerprint: key.fingerprint, line: "\(key.type) \(key.blob)")
        } catch {
            throw SSHDError(.hostKey, "\(path).pub: \(error.message)")
        }
    }

    private static func make(_ path: String, _ arguments: [String]) async throws(SSHDError) {
        let result = try await SSHDTools.run(
            try keygen(), ["-q", "-N", "", "-C", "dropgate", "-f", path] + arguments)
        guard result.isSuccess else {
            throw SSHDError(.failed, "ssh-keygen could not make \(path): \(result.errors.firstLine)")
        }
    }

    private static func keygen() throws(SSHDError) -> String {
        let places = ["/usr/bin/ssh-keygen", "/usr/local/bin/ssh-keygen"]
        guard let program = places.first(where: { access($0, X_OK) == 0 }) else {
            throw SSHDError(
                .missing, "ssh-keygen is not installed; install OpenSSH's client (openssh-client)")
        }
        return program
    }
}

extension String {
    /// The first line that is not empty.
    var firstLine: String { split(whereSeparator: \.isNewline).first.map(String.init) ?? "" }
}
