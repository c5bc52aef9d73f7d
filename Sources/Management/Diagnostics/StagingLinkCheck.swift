// Links and files in place of staging's directories. The gate follows no link, so that what it writes there stays there, and does not
// start with one: whatever belongs in that directory would wait.
import Foundation
import Reachability
import Settings
import Staging

enum StagingLinkCheck {
    static func findings(_ settings: GateSettings) -> [Finding] {
        let staging = settings.staging.path
        let fixed = StagingLayout.directories.map { "\(staging)/\($0)" }
        return fixed.compactMap { finding($0, isFatal: true) } + ofAccountsAndDays(staging)
    }

    static func finding(_ place: String, isFatal: Bool) -> Finding? {
        guard let obstacle = StagingError.obstacle(at: place) else { return nil }
        var finding = Finding("filesystem", .fail, obstacle.message, fix: obstacle.fix)
        finding.isFatal = isFatal
        return finding
    }

    /// Only what is for that account or of that day waits, and the gate starts all the same; unless it stopped in the middle of a release
    /// of events, which a start ends first.
    private static func ofAccountsAndDays(_ staging: String) -> [Finding] {
        let webhook = StagingLayout.webhook
        let ready = "\(staging)/\(StagingLayout.ready)"
        let isReleasing = !names("\(staging)/\(StagingLayout.incoming)/\(webhook)").isEmpty
        return ofAccounts(staging).compactMap { finding($0, isFatal: false) }
            + names("\(ready)/\(webhook)").filter(isDay).compactMap {
                finding("\(ready)/\(webhook)/\($0)", isFatal: isReleasing)
            }
    }

    /// In each account's directory of uploads (`PartialStore`).
    static let ofUploads = ["parts", "tree", "claimed", "small"]

    /// The directories of those accounts that have sent something, in which what they send lies until it is released and afterwards. Some
    /// need not be there.
    static func ofAccounts(_ staging: String) -> [String] {
        let sftp = StagingLayout.sftp
        let incoming = "\(staging)/\(StagingLayout.incoming)/\(sftp)"
        return names(incoming).flatMap { account -> [String] in
            let uploads = "\(incoming)/\(account)"
            // Through a link nothing is looked at.
            let inner = StagingError.obstacle(at: uploads) == nil ? ofUploads.map { "\(uploads)/\($0)" } : []
            return [uploads] + inner + ["\(staging)/\(StagingLayout.ready)/\(sftp)/\(account)"]
        }
    }

    /// `2026-11-23`
    private static func isDay(_ name: String) -> Bool {
        name.utf8.count == 10 && name.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    /// None of a directory that cannot be listed: other checks tell of it. Through a link in its place nothing is looked at.
    private static func names(_ directory: String) -> [String] {
        guard StagingError.obstacle(at: directory) == nil else { return [] }
        return ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
    }
}
