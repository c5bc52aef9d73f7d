// Whether sshd will show a host key to anybody. sshd itself does not mind: it starts with a key that it never
// offers, takes the first of two of one type, and cuts every caller off when nothing is left.
import Accounts
import Blocking
import Files

extension HostKeys {
    /// What sshd shows of a private key file, by ssh-keygen's reading of the private half: the .pub file beside it
    /// may be of another key. Throws `SSHDError.Code.hostKey` for a file that sshd cannot use or would show to nobody.
    package static func describe(_ path: String) async throws(SSHDError) -> Description {
        do throws(FileError) { try FileReading.checkReadable(path, readers: .nobody) } catch {
            throw SSHDError(
                .hostKey,
                "a host key cannot be used: \(error.message)" + (error.saysFix ? "" : "; \(makeThem)"))
        }
        let result = try await SSHDTools.run(try keygen(), ["-y", "-P", "", "-f", path])
        guard result.isSuccess else {
            let why = result.errors.firstLine
            throw why.contains("passphrase")
                ? refusal(
                    path, "has a passphrase, and nobody is there to type it",
                    "take it off with `ssh-keygen -p -f \(path)`, or name another key")
                : refusal(path, "is not a private key (\(why))", makeThem)
        }
        let key = try offered(result.output.firstLine, path)
        return Description(
            path: path, type: key.type, fingerprint: key.fingerprint, line: "\(key.type) \(key.blob)")
    }

    @Sendable private static func described(_ path: String) async -> Result<Description, SSHDError> {
        await .of { () throws(SSHDError) in try await describe(path) }
    }

    /// Each of a gate's host keys, or what keeps callers from seeing it.
    package typealias Examined = [(path: String, outcome: Result<Description, SSHDError>)]

    /// In the order of the paths.
    package static func examine(_ paths: [String]) async -> Examined {
        var outcomes: Examined = []
        var first: [String: String] = [:]
        for (path, outcome) in zip(paths, await paths.mapAtOnce(described)) {
            do throws(SSHDError) {
                let key = try outcome.get()
                if let other = first[key.type] {
                    throw refusal(
                        path,
                        "is of the same type as \(other) (\(key.type)), of which sshd shows the first only",
                        "name one of them in sftp.host_keys")
                }
                first[key.type] = path
                outcomes.append((path, .success(key)))
            } catch {
                outcomes.append((path, .failure(error)))
            }
        }
        return outcomes
    }

    /// The public half, when sshd offers keys like it.
    private static func offered(_ line: String, _ path: String) throws(SSHDError) -> AuthorizedKey {
        let key: AuthorizedKey
        do throws(AccountError) {
            key = try AuthorizedKey(line)
        } catch {
            // DSA and short RSA keys: what is too weak for an account is too weak for the gate.
            throw refusal(path, "is not offered to callers: \(error.message)", makeThem)
        }
        let algorithms = SSHDConfiguration.hostKeyAlgorithms
        guard key.type == "ssh-rsa" || algorithms.contains(key.type) else {
            throw refusal(path, "is not offered to callers: it is of type \(key.type)", makeThem)
        }
        return key
    }

    private static let makeThem =
        "name an Ed25519, ECDSA or RSA key (2048 bits or more), or leave sftp.host_keys out for those that "
        + "`dropgate init` makes"

    private static func refusal(_ path: String, _ what: String, _ fix: String) -> SSHDError {
        SSHDError(.hostKey, "the host key \(path) \(what); \(fix)")
    }
}
