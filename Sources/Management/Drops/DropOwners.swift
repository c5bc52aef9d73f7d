// Whose a file under `ready/` is, by the ledger.
import Intake
import Ledger
import Staging

struct DropOwners {
    let staging: StagingArea
    let reader: any LedgerReading

    /// Whether something lies under a path that the gate has not released there.
    func isStray(_ readyPath: String) throws -> Bool {
        guard try !isOwned(readyPath) else { return false }
        // Its consumer may have taken it since, and its receipt be forgotten. What cannot be asked for has none of the gate's names.
        guard try FoundInReady.isRepaired(readyPath) || staging.ready.stillHolds(readyPath) else {
            return false
        }
        // Or its sender has renamed it.
        return try !isOwned(readyPath)
    }

    private func isOwned(_ readyPath: String) throws -> Bool {
        if StagingLayout.account(ofReady: readyPath) != nil {
            return try reader.newestUpload(readyPath: readyPath).map { Self.lies($0, at: readyPath) } ?? false
        }
        // A batch's file is named after its first event.
        if let id = WebhookName.drop(in: readyPath), let drop = try reader.drop(id: id),
            Self.lies(drop, at: readyPath)
        {
            return true
        }
        // Names of earlier versions have no drop's id.
        guard let accepted = WebhookName.time(in: readyPath) else { return false }
        return try reader.events(readyPath: readyPath, acceptedFrom: accepted).contains {
            Self.lies($0, at: readyPath)
        }
    }

    /// Of one that is being released, the ledger does not say yet that it lies there, nor of an event in which batch.
    private static func lies(_ drop: DropRecord, at readyPath: String) -> Bool {
        switch drop.state {
        case .pending: drop.incoming == nil || drop.readyPath.utf8.elementsEqual(readyPath.utf8)
        case .released, .taken, .acknowledged: drop.readyPath.utf8.elementsEqual(readyPath.utf8)
        case .lost, .forgotten, .withdrawn: false
        }
    }
}

/// Paths by their hashes, since there may be millions: one that is not in it may be taken for one that is, once in 2^64 times. What hash a
/// path has cannot be known outside of the process.
final class PathSet {
    private var hashes: Set<Int> = []

    func insert(_ path: String) { hashes.insert(Self.hash(path)) }

    func contains(_ path: String) -> Bool { hashes.contains(Self.hash(path)) }

    /// Of its bytes: two names that look alike are two names.
    private static func hash(_ path: String) -> Int {
        var path = path
        var hasher = Hasher()
        path.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        return hasher.finalize()
    }
}
