// Where the program lies that sshd starts for each login, and whether it is one for this gate.
import Admission
import Files
import Foundation
import SFTPSession

extension SSHDTools {
    /// Where an installation keeps the session of the gate in such a directory: outside of PATH, as a program that no person
    /// starts (FHS 3.0, 4.7).
    private static let installations = [
        "/usr/bin": "/usr/libexec/dropgate", "/usr/local/bin": "/usr/local/libexec/dropgate",
    ]

    /// Where the session of a gate may lie, by the path of the gate's own program: beside it, as a build leaves it, or where an
    /// installation has it. Nowhere else: one that lies elsewhere is of another gate, or was put there by somebody else.
    static func sessionPlaces(
        for program: String? = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    ) -> [String] {
        guard let program else { return [] }
        let folder = Paths.directory(of: program)
        return [folder, installations[folder]].compactMap { $0 }.map { "\($0)/\(SessionProgram.name)" }
    }

    /// Throws when there is no session, or one whose messages this gate would refuse at every login.
    /// - Returns: its path.
    @discardableResult
    package func checkSession() async throws(SSHDError) -> String {
        guard let session else { throw Self.missingSession }
        let answer = try await Self.run(session, ["--version"])
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
        let places = sessionPlaces()
        let sought =
            places.isEmpty
            ? "/proc/self/exe does not say where to look" : "looked for at \(places.joined(separator: ", "))"
        return SSHDError(
            .missing,
            "\(SessionProgram.name), which sshd starts for each login, is missing (\(sought)); \(advice)")
    }

    private static let advice =
        "install it from the same build as the gate (Debian: apt-get install --reinstall dropgate; in a checkout: "
        + "Deploy/install.sh)"
}
