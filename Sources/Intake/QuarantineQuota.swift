// How much quarantine holds, and for whom: so that unlisted sources can fill it only up to its bounds. Pure but for its
// first look.
import Staging

/// Known without looking, because unlisted sources decide how often it is asked.
struct QuarantineQuota: Sendable {
    /// One source may take this part of the room for events: another one may be VSee's new address.
    static let sourceShare = 4

    /// What one event takes.
    private struct Share {
        var bytes: Int64
        var source: String
        var sha256: String?
    }

    private var bytes: Int64 = 0
    private var sources: [String: Int] = [:]
    /// By drop.
    private var shares: [String: Share] = [:]
    /// The drop that holds a body, by the body's digest: an event that is sent again takes no more room.
    private var drops: [String: String] = [:]

    var events: Int { shares.count }

    init(_ receipts: [Receipt]) {
        for receipt in receipts { add(receipt) }
    }

    /// The drop that holds this body already.
    func drop(holding sha256: String?) -> String? { sha256.flatMap { drops[$0] } }

    /// Takes the room for an event; or why it gets none.
    mutating func take(_ receipt: Receipt, mostEvents: Int, mostBytes: Int64) -> NotHeld? {
        if drop(holding: receipt.sha256) != nil { return .alreadyHeld }
        if events >= mostEvents { return .tooManyEvents }
        if bytes + Self.size(of: receipt) > mostBytes { return .tooManyBytes }
        if sources[receipt.source ?? "", default: 0] >= max(1, mostEvents / Self.sourceShare) {
            return .sourceShare
        }
        add(receipt)
        return nil
    }

    /// Receipts are files, and a damaged one may say anything.
    private static func size(of receipt: Receipt) -> Int64 { min(max(0, receipt.bytes), 1 << 40) }

    private mutating func add(_ receipt: Receipt) {
        // A directory that somebody has copied has the same receipt.
        giveBack(receipt.drop)
        let share = Share(bytes: Self.size(of: receipt), source: receipt.source ?? "", sha256: receipt.sha256)
        shares[receipt.drop] = share
        bytes += share.bytes
        sources[share.source, default: 0] += 1
        if let sha256 = share.sha256 { drops[sha256] = receipt.drop }
    }

    /// The drop is not held any more, or could not be. One that takes no room changes nothing.
    mutating func giveBack(_ drop: String) {
        guard let share = shares.removeValue(forKey: drop) else { return }
        bytes -= share.bytes
        sources[share.source, default: 1] -= 1
        if sources[share.source] == 0 { sources[share.source] = nil }
        if let sha256 = share.sha256, drops[sha256] == drop { drops[sha256] = nil }
    }
}
