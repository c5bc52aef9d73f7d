// Links in place of staging's directories. The gate follows none, so that what it writes there stays there.
import Files
import Reachability
import Settings
import Staging

enum StagingLinkCheck {
    /// A start opens them.
    private static let needed = [
        StagingLayout.ready, StagingLayout.receipts, StagingLayout.quarantine, StagingLayout.incoming,
        "\(StagingLayout.incoming)/\(StagingLayout.sftp)",
        "\(StagingLayout.incoming)/\(StagingLayout.webhook)",
        "\(StagingLayout.incoming)/\(StagingLayout.pull)",
    ]
    /// They are opened when something comes.
    private static let later = [
        "\(StagingLayout.ready)/\(StagingLayout.sftp)", "\(StagingLayout.ready)/\(StagingLayout.webhook)",
        "\(StagingLayout.receipts)/\(StagingLayout.webhook)",
        "\(StagingLayout.quarantine)/\(StagingLayout.sftp)",
        "\(StagingLayout.quarantine)/\(StagingLayout.webhook)",
    ]

    static func findings(_ settings: GateSettings) -> [Finding] {
        let staging = settings.staging.path
        func finding(_ name: String) -> Finding? {
            let place = "\(staging)/\(name)"
            guard let target = (try? Paths.target(ofLink: place)) ?? nil else { return nil }
            var finding = Finding(
                "filesystem", .fail,
                "\(place) is a symbolic link (to \(target)), and the gate follows no link in staging",
                fix:
                    "put the directory itself in its place; to have it elsewhere, mount the whole of \(staging), or set staging.path"
            )
            finding.isFatal = needed.contains(name)
            return finding
        }
        return (needed + later).compactMap(finding)
    }
}
