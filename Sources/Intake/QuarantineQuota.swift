// How much quarantine holds, and for whom: so that unlisted sources can fill it only up to its bounds. Pure but for its
// first look.
import Admission
import Staging

/// Known without looking, because unlisted sources decide how often it is asked.
struct QuarantineQuota: Sendable {
    /// One source may take this part of the room, of events and of their bytes: another one may be VSee's new address.
    /// A first event may have more.
    static let sourceShare = 4

    /// What one event takes.
    private struct Share {
        var bytes: Int64
        var source: CIDRBlock?
        var sha256: String?
    }

    /// What the events of one source take.
    private struct Room {
        var events = 0
        var bytes: Int64 = 0
    }

    private var bytes: Int64 = 0
    /// nil: of receipts that name no source.
    private var sources: [CIDRBlock?: Room] = [:]
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
        let size = Self.size(of: receipt)
        if bytes + size > mostBytes { return .tooManyBytes }
        let own = sources[Self.source(of: receipt)] ?? Room()
        let isWithin =
            own.events < mostEvents / Self.sourceShare
            && own.bytes + size <= mostBytes / Int64(Self.sourceShare)
        guard isWithin || own.events == 0 else { return .sourceShare }
        add(receipt)
        return nil
    }

    /// Receipts are files, and a damaged one may say anything.
    private static func size(of receipt: Receipt) -> Int64 { min(max(0, receipt.bytes), 1 << 40) }

    /// An IPv4 address, or the /64 that one caller has of IPv6.
    private static func source(of receipt: Receipt) -> CIDRBlock? {
        guard let ip = receipt.source.flatMap({ try? IPAddress($0) }) else { return nil }
        return ip.isIPv4 ? CIDRBlock(of: ip) : CIDRBlock(networkOf: ip)
    }

    private mutating func add(_ receipt: Receipt) {
        // A directory that somebody has copied has the same receipt.
        giveBack(receipt.drop)
        let share = Share(
            bytes: Self.size(of: receipt), source: Self.source(of: receipt), sha256: receipt.sha256)
        shares[receipt.drop] = share
        bytes += share.bytes
        sources[share.source, default: Room()].events += 1
        sources[share.source, default: Room()].bytes += share.bytes
        if let sha256 = share.sha256 { drops[sha256] = receipt.drop }
    }

    /// The drop is not held any more, or could not be. One that takes no room changes nothing.
    mutating func giveBack(_ drop: String) {
        guard let share = shares.removeValue(forKey: drop) else { return }
        bytes -= share.bytes
        if var own = sources[share.source] {
            own.events -= 1
            own.bytes -= share.bytes
            sources[share.source] = own.events > 0 ? own : nil
        }
        if let sha256 = share.sha256, drops[sha256] == drop { drops[sha256] = nil }
    }
}
