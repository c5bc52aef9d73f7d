// Where the program lies that sshd starts for each login, and whether it is one for this gate.
import Admission
import Files
import SFTPSession

extension SSHDTools {
    /// Where an installation keeps the session of the gate in such a directory: outside of PATH, as a program that no person
    /// starts (FHS 3.0, 4.7).
    static let installations = [
        "/usr/bin": "/usr/libexec/dropgate", "/usr/local/bin": "/usr/local/libexec/dropgate",
    ]

    /// Where the session of a gate lies, by the path of the gate's own program: where its installation has it, else beside it,
    /// as a build leaves it. One place alone: what lies elsewhere is of another gate, or an older one that was left there.
    /// nil when the system does not say where this program is.
    static func sessionPlace(for program: String? = try? Paths.target(ofLink: "/proc/self/exe")) -> String? {
        guard let program else { return nil }
        let folder = Paths.directory(of: program)
        return "\(installations[folder] ?? folder)/\(SessionProgram.name)"
    }

    /// Throws when there is no session, or one whose messages this gate would refuse at every login.
    /// - Returns: its path.
    @discardableResult
    package func checkSession() async throws(SSHDError) -> String {
        guard let session else { throw Self.missingSession }
        let answer = try await Self.run(session, ["--version"], within: .seconds(10))
        guard answer.isSuccess, answer.output == SessionProgram.version + "\n" else {
            let said = UntrustedText.head((answer.output + answer.errors).firstLine)
            throw SSHDError(
                .missing,
                "\(session) is not a session for this gate: it says \"\(said)\" and not \"\(SessionProgram.version)\"; "
                    + Self.advice)
        }
        return session
    }

    static var missingSession: SSHDError {
        let place =
            sessionPlace().map { "there is no program at \($0)" } ?? "/proc/self/exe does not say where it is"
        return SSHDError(
            .missing,
            "\(SessionProgram.name), which sshd starts for each login, is missing: \(place); \(advice)")
    }

    private static let advice =
        "install it from the same build as the gate (Debian: apt-get install --reinstall dropgate; in a checkout: "
        + "Deploy/install.sh)"
}
