// What a probe asks, as this program asks it, and of what it takes for that.
import Admission
import Audit
import Files
package import Reachability
package import Settings

extension ProbeService {
    /// Asked for its login methods when no account is named.
    private static let nobody = "dropgate-probe"

    /// A probe of a webhook's URL, without credentials.
    package static func webhook(_ url: ProbeURL, _ request: WebhookProbe.Request) -> WebhookProbe {
        WebhookProbe(url: url, request: request, userAgent: "\(Product.name)-probe/\(Product.version)")
    }

    /// A probe of an SFTP server. Without a credential it ends before the login.
    package static func sftp(
        _ target: SFTPTarget, credential: SSHCredential?, pins: HostKeyPins?
    ) -> SFTPProbe {
        SFTPProbe(target: target, user: target.user ?? nobody, credential: credential, pins: pins)
    }

    /// The secret last part of a webhook's path.
    /// - Parameter place: where the bytes are from, for messages.
    package static func pathSecret(
        _ bytes: [UInt8], from place: String
    ) throws(ManagementError) -> Secret {
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"/?#".utf8.contains($0) }) else {
            throw ManagementError(.invalid, "\(place) holds something that cannot be part of a path")
        }
        return Secret(bytes)
    }

    /// The absolute path of a file of authorities that can be trusted.
    /// - Parameter place: the file, for messages.
    package static func authorities(
        _ file: String, from place: String
    ) throws(ManagementError) -> String {
        let path = Paths.absolute(file)
        guard WebhookProbe.canTrust(path) else {
            throw ManagementError(.invalid, "\(place) is not there, or holds no certificates in PEM form")
        }
        return path
    }
}
