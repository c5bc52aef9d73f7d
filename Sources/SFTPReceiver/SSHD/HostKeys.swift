// The gate's SSH host keys: made once by ssh-keygen, never replaced, and their fingerprints for the paper
// that the sender gets. Private keys are only ever read by sshd and ssh-keygen.
import Files
import Foundation
import Staging

package enum HostKeys {
    /// One host key as a sender may check it.
    package struct Description: Sendable, Hashable {
        /// The private key file, absolute.
        package var path: String
        /// "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", …
        package var type: String
        /// `SHA256:…`, as `ssh-keygen -l` prints it.
        package var fingerprint: String
        /// The public key on one line without a comment, for known_hosts.
        package var line: String
    }

    /// ECDSA P-256 is for clients that know neither Ed25519 nor RSA with SHA-2: JSch up to 0.1.55, for one.
    private static let kinds: [(file: String, type: String, arguments: [String])] = [
        ("ssh_host_ed25519_key", "ssh-ed25519", ["-t", "ed25519"]),
        ("ssh_host_ecdsa_key", "ecdsa-sha2-nistp256", ["-t", "ecdsa", "-b", "256"]),
        ("ssh_host_rsa_key", "ssh-rsa", ["-t", "rsa", "-b", "3072"]),
    ]

    /// The type of the key that is made under a name (`Description.type`); nil for another name.
    package static func type(ofFile name: String) -> String? { kinds.first { $0.file == name }?.type }

    /// Makes what is missing in a directory (itself made 0700 when absent) and returns the private key files.
    /// - Parameter names: of the files that may be made; nil: all.
    @discardableResult
    package static func ensure(
        in directory: String, _ names: [String]? = nil
    ) async throws(SSHDError) -> [String] {
        do throws(StagingError) {
            _ = try Directory(path: directory, create: true)
        } catch {
            throw SSHDError(error)
        }
        var paths: [String] = []
        for kind in kinds where names?.contains(kind.file) != false {
            let path = "\(directory)/\(kind.file)"
            if FileSignature(path: path) == nil { try await make(path, kind.arguments) }
            paths.append(path)
        }
        return paths
    }

    private static func make(_ path: String, _ arguments: [String]) async throws(SSHDError) {
        // The private key comes last and whole: where it is, nothing is made again.
        let new = path + ".new"
        func remove() { for file in [new, new + ".pub"] { unlink(file) } }
        remove()
        let result = try await SSHDTools.run(
            try keygen(), ["-q", "-N", "", "-C", "dropgate", "-f", new] + arguments)
        guard result.isSuccess else {
            remove()
            throw SSHDError(.failed, "ssh-keygen could not make \(path): \(result.errors.firstLine)")
        }
        do throws(SystemError) {
            try FileReplacement.move(new + ".pub", to: path + ".pub")
            try FileReplacement.move(new, to: path)
        } catch {
            remove()
            throw SSHDError(.failed, "cannot make \(path): \(error)")
        }
    }

    static func keygen() throws(SSHDError) -> String {
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
