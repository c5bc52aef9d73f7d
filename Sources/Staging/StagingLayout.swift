// What everything in a staging directory is called. Pure.
import Files

/// Names in staging, and paths relative to it. What an account has uploaded and what it was sent as is in `PartialName`.
package enum StagingLayout {
    /// What consumers get, and what says where it came from.
    package static let ready = "ready"
    package static let receipts = "receipts"
    /// What was accepted and withdrawn, or waits for a decision.
    package static let quarantine = "quarantine"
    /// What consumers of a group have taken (`Consumers`).
    static let taken = "taken"
    /// What is on its way.
    package static let incoming = "incoming"
    /// Below `ready`, `quarantine` and `incoming`: what came by SFTP, and by webhook.
    package static let sftp = "sftp"
    package static let webhook = "webhook"
    /// Below `incoming`: what is fetched from another gate.
    package static let pull = "pull"
    /// Below `incoming/sftp/<account>`.
    static let parts = "parts"
    static let tree = "tree"
    static let claimed = "claimed"
    static let small = "small"
    /// All of them.
    package static let ofUploads = [parts, tree, claimed, small]

    /// Directories that a path in staging can go through, `ready` and an account's among them. Whoever may write in `ready/` can make
    /// more.
    static let deepest = 2 + DropPath.deepest

    // MARK: Directories

    /// All but those that have their names from accounts, days and drops. A start makes the first seven where they are missing
    /// (`StagingArea`), the others come with what lies in them.
    package static let directories = [
        ready, receipts, quarantine, incoming, "\(incoming)/\(sftp)", "\(incoming)/\(webhook)",
        "\(incoming)/\(pull)",
        "\(ready)/\(sftp)", "\(ready)/\(webhook)", "\(receipts)/\(webhook)", "\(quarantine)/\(sftp)",
        "\(quarantine)/\(webhook)",
    ]

    /// Those without which no staging directory is whole.
    static var madeAtStart: ArraySlice<String> { directories.prefix(7) }

    // MARK: Released drops

    /// `ready/` and a path under it, as receipts have it.
    package static func released(_ readyPath: String) -> String { "\(ready)/\(readyPath)" }

    /// The path under `ready/` of a receipt's `file`; nil for a file elsewhere.
    package static func readyPath(ofFile file: String) -> String? {
        file.hasPrefix(ready + "/") ? String(file.dropFirst(ready.utf8.count + 1)) : nil
    }

    /// The name of a file without its directories.
    package static func fileName(of readyPath: String) -> String { Paths.lastComponent(of: readyPath) }

    /// Whether a path under `ready/` is that of one file for many events, a line each.
    package static func holdsLines(_ readyPath: String) -> Bool {
        readyPath.hasPrefix(webhook + "/") && readyPath.hasSuffix(".ndjson")
    }

    /// Below it lies what an account sent; ends with a slash.
    package static func readyRoot(of account: String) -> String { "\(sftp)/\(account)/" }

    /// Among whose names a path under `ready/` stands; nil for an event's.
    package static func account(ofReady readyPath: String) -> String? {
        let parts = readyPath.split(separator: "/", maxSplits: 2)
        return parts.count == 3 && parts[0] == sftp ? String(parts[1]) : nil
    }

    /// The name of a drop's receipt in `receipts/`. Those of events that were released together are in one file: see
    /// `BatchName`.
    package static func receipt(_ drop: String) -> String { drop + ".json" }

    /// Where the receipt of a drop lies that was released to `readyPath`, relative to staging: in a file of its own, or a line in
    /// that of its batch.
    package static func receiptFile(_ drop: String, at readyPath: String?) -> String {
        "\(receipts)/\(readyPath.flatMap(BatchName.init(ofReady:))?.receiptsPath ?? receipt(drop))"
    }

    private static let newReceiptSuffix = ".new"

    /// A drop's receipt while it is written, in `incoming/sftp/`, where the accounts' directories are.
    static func newReceipt(_ drop: String) -> String { drop + newReceiptSuffix }

    /// Whether a name in `incoming/sftp/` is one of `newReceipt`, and no account's.
    package static func isNewReceipt(_ name: String) -> Bool {
        name.hasSuffix(newReceiptSuffix) && DropID.isValid(String(name.dropLast(newReceiptSuffix.count)))
    }

    // MARK: Uploads and fetched drops

    /// Where the bytes of an accepted upload lie until it is released.
    package static func acceptedFile(_ drop: String, of account: String) -> String {
        "\(incoming)/\(sftp)/\(account)/\(parts)/\(PartialName.bytes(drop))"
    }

    /// Where a file lies that was taken back from `ready/`.
    package static func claimedFile(_ drop: String, of account: String) -> String {
        "\(incoming)/\(sftp)/\(account)/\(claimed)/\(drop)"
    }

    /// Where an accepted upload is written that was kept in the ledger's store, before it is released.
    package static func smallFile(_ drop: String, of account: String) -> String {
        "\(incoming)/\(sftp)/\(account)/\(small)/\(drop)"
    }

    /// Whether a path is one of `smallFile`.
    package static func isSmallFile(_ path: String) -> Bool {
        account(ofIncoming: path) != nil && path.split(separator: "/")[3] == small
    }

    /// The account to whose uploads such a path belongs; nil for any other.
    package static func account(ofIncoming path: String) -> String? {
        let parts = path.split(separator: "/")
        return parts.count > 3 && parts[0] == incoming && parts[1] == sftp ? String(parts[2]) : nil
    }

    private static let pulledSuffix = ".part"

    /// The name of a fetched drop's file in `incoming/pull/`.
    package static func pulledName(_ drop: String) -> String { drop + pulledSuffix }

    /// Where a fetched drop's file lies.
    package static func pulledFile(_ drop: String) -> String { "\(incoming)/\(pull)/\(pulledName(drop))" }

    /// The drop of such a name; nil for any other name.
    package static func drop(ofPulledName name: String) -> String? {
        guard name.hasSuffix(pulledSuffix) else { return nil }
        let drop = String(name.dropLast(pulledSuffix.count))
        return DropID.isValid(drop) ? drop : nil
    }

    // MARK: Quarantine

    /// The receipt in a drop's directory of quarantine, written last.
    package static let quarantineReceipt = "receipt.json"
    /// A receipt that is being written.
    static let newQuarantineReceipt = quarantineReceipt + ".new"
    /// The name of what was withdrawn again, and is not whole, beside what lies there of the drop under a name.
    static func quarantineDamaged(beside name: String) -> String {
        let damaged = "upload.damaged"
        return name == damaged ? damaged + ".2" : damaged
    }
    /// The body in an event's directory of quarantine.
    static let heldBody = "body"

    private static let dismissedSuffix = ".gone"

    /// The name of an event's directory in quarantine from when it is held no more until it is removed: no drop's id.
    package static func dismissed(_ drop: String) -> String { drop + dismissedSuffix }

    /// The drop of such a name; nil for any other name.
    static func drop(ofDismissed name: String) -> String? {
        guard name.hasSuffix(dismissedSuffix) else { return nil }
        let drop = String(name.dropLast(dismissedSuffix.count))
        return DropID.isValid(drop) ? drop : nil
    }

    /// Where the body of an event lies that is held.
    package static func heldFile(_ drop: String) -> String { "\(quarantine)/\(webhook)/\(drop)/\(heldBody)" }

    /// Where the receipt of an event lies that is held.
    package static func heldReceipt(_ drop: String) -> String {
        "\(quarantine)/\(webhook)/\(drop)/\(quarantineReceipt)"
    }

    /// Where the bytes of an upload lie in quarantine.
    package static func quarantinedFile(_ drop: String, of account: String, sent: String) -> String {
        "\(quarantine)/\(sftp)/\(account)/\(drop)/\(quarantineName(sent))"
    }

    /// Under whose name a drop lies in quarantine: the account's that sent it, or that of events. An event comes there that was pulled
    /// from another gate.
    package static func quarantineAccount(_ account: String?) -> String { account ?? webhook }

    /// The last component of a name as sent, if it can be one in quarantine.
    package static func quarantineName(_ sent: String) -> String {
        let name = sent.split(separator: "/").last.map(String.init) ?? "unnamed"
        // The receipt lies beside it, and while it is written there is another one.
        return Directory.isComponent(name) && !isQuarantineReceipt(name) ? name : "upload"
    }

    static func isQuarantineReceipt(_ name: String) -> Bool {
        name == quarantineReceipt || name == newQuarantineReceipt
    }
}
