// How many connections each source has to the console, so that no source alone keeps the others out.
import Admission
import JSON
import NIOCore
import Settings
import Synchronization

final class ConnectionPlaces: Sendable {
    /// Of one source at once; a reverse proxy is one, too.
    static let mostOfOne = ConsoleSettings.mostConnections / 2

    /// For the entry of one that was closed. Near the end a source gets fewer (`FairShares`).
    static let limits: [String: JSONValue] = [
        "limit": .int(Int64(ConsoleSettings.mostConnections)), "limit_per_source": .int(Int64(mostOfOne)),
    ]

    private let shares = Mutex(FairShares(total: ConsoleSettings.mostConnections, perSource: mostOfOne))

    /// Takes a place until a connection ends; false: there is none for this source. Of IPv6 a source is a /64, which one caller has.
    /// Callers on this machine are not told apart: whoever is here has all loopback addresses.
    func take(for caller: IPAddress?, until end: EventLoopFuture<Void>) -> Bool {
        let source = caller.flatMap { ip in
            ip.isLoopback ? nil : ip.isIPv4 ? ip : CIDRBlock(networkOf: ip).base
        }
        let taker = FairShares.Taker(source: source, isListed: true)
        guard shares.withLock({ $0.take(1, taker) }) else { return false }
        end.whenComplete { _ in self.shares.withLock { $0.giveBack(1, taker) } }
        return true
    }
}
