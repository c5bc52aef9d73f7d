// Another gate, and how this one logs in there.
import Admission
package import Management
package import Reachability

package struct PullOrigin: Sendable, CustomStringConvertible {
    let remote: any OtherGate
    /// Without any secret, for receipts and messages.
    package let description: String

    /// Throws a `ManagementError` when the other gate's host key is not pinned, or no account is named.
    package init(
        _ target: SFTPTarget, credential: SSHCredential, pins: HostKeyPins, options: ProbeOptions
    ) throws(ManagementError) {
        guard let user = target.user else {
            throw ManagementError(.invalid, "\(target) names no account")
        }
        guard !pins.fingerprints.isEmpty else {
            throw ManagementError(
                .invalid,
                "\(UntrustedText.line(pins.origin)) has no key of \(target.host), port \(target.port)",
                fix: "add it there, or use --host-key")
        }
        remote = RemoteGate(
            target: target, user: user, credential: credential, pins: pins, options: options)
        description = "\(target)"
    }

    init(_ remote: any OtherGate, description: String) {
        self.remote = remote
        self.description = description
    }
}
