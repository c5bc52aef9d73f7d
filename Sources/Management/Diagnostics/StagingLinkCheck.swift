// Links and files where directories of staging belong. The gate follows no link there, so that what it writes stays in staging. It does
// not start where everybody's drops would wait for it; where those of one account or one day would, it starts.
import Files
import Foundation
import Reachability
import Settings
import Staging

enum StagingLinkCheck {
    static func findings(_ settings: GateSettings) -> [Finding] {
        let staging = settings.staging.path
        let fixed = StagingLayout.directories.map { "\(staging)/\($0)" }
        return fixed.compactMap { finding($0, start: .isRefused) } + ofAccountsAndDays(staging)
    }

    static func finding(_ place: String, start: Finding.Start) -> Finding? {
        guard let obstacle = StagingError.obstacle(at: place) else { return nil }
        var finding = Finding("filesystem", .fail, obstacle.message, fix: obstacle.fix)
        finding.place = place
        finding.start = start
        return finding
    }

    /// Only what is for that account or of that day waits, and the gate starts all the same; unless it stopped in the middle of a release
    /// of events, which a start ends first.
    private static func ofAccountsAndDays(_ staging: String) -> [Finding] {
        let webhook = StagingLayout.webhook
        let ready = "\(staging)/\(StagingLayout.ready)"
        let isReleasing = !names("\(staging)/\(StagingLayout.incoming)/\(webhook)").isEmpty
        return ofAccounts(staging).compactMap { finding($0, start: .goesOn) }
            + names("\(ready)/\(webhook)").filter(isDay).compactMap {
                finding("\(ready)/\(webhook)/\($0)", start: isReleasing ? .isRefused : .goesOn)
            }
    }

    /// The directories of those accounts that have sent something, in which what they send lies until it is released and afterwards. Some
    /// need not be there.
    static func ofAccounts(_ staging: String) -> [String] {
        senders(staging).flatMap { account, uploads -> [String] in
            // Through a link nothing is looked at.
            let inner = StagingError.obstacle(at: uploads) == nil ? StagingLayout.ofUploads : []
            return [uploads] + inner.map { "\(uploads)/\($0)" }
                + ["\(staging)/\(StagingLayout.ready)/\(StagingLayout.sftp)/\(account)"]
        }
    }

    /// Whether an account has ever sent anything.
    static func hasSenders(_ staging: String) -> Bool {
        senders(staging).contains { Presence.isDirectory($0.uploads) }
    }

    private static func senders(_ staging: String) -> [(account: String, uploads: String)] {
        let incoming = "\(staging)/\(StagingLayout.incoming)/\(StagingLayout.sftp)"
        // Receipts of small uploads are written there, too.
        return names(incoming).filter { !StagingLayout.isNewReceipt($0) }
            .map { (account: $0, uploads: "\(incoming)/\($0)") }
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
