// What becomes of drops after they are accepted, as changes of their rows.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerStore {
    /// Carries out an operation on drops that has no entry of its own. Returns whether it changed anything.
    func changeDrops(_ operation: LedgerOperation, _ db: Database) throws -> Bool {
        switch operation {
        case .dated(let id, let modified):
            return try update(id, "modified = :modified", "1", ["modified": modified], db)
        case .letGo(let id):
            return try update(
                id, "due = NULL", "state = 0 AND due = :never",
                ["never": DropRecord.never.microseconds], db)
        case .quarantined(let id): return try update(id, "incoming = NULL", "state = 5", [:], db)
        case .taken(let drops, let instant):
            return try drops.reduce(false) { isAny, drop in
                try update(
                    drop.id, "state = 6, taken = :taken", "ready = :ready AND state = 1",
                    ["taken": instant.microseconds, "ready": drop.readyPath], db) || isAny
            }
        case .returned(let drops):
            return try drops.reduce(false) { isAny, drop in
                try update(
                    drop.id, "state = 1, taken = NULL", "ready = :ready AND state = 6",
                    ["ready": drop.readyPath], db) || isAny
            }
        case .acknowledge(let id, let instant):
            return try update(
                id, "state = 2, acknowledged = :time", "state IN (1, 6)", ["time": instant.microseconds], db)
        case .forgotten(let id): return try update(id, "state = 4", "state IN (1, 2, 6)", [:], db)
        case .append, .change, .together, .released, .checkpoint, .witnessed, .sealed, .clearSealed,
            .segmentRemoved, .touch:
            return false
        }
    }

    /// Whether the drop is in the state that a change is from.
    func mayMake(_ change: DropChange, _ db: Database) throws -> Bool {
        guard let seq = try seq(of: change.id, db) else { return false }
        let state = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT state FROM drops WHERE seq = ?"), arguments: [seq])
        return state == change.from.rawValue
    }

    /// Returns whether the drop was in the state that the change is from.
    func change(_ change: DropChange, _ db: Database) throws -> Bool {
        let isFrom = "state = \(change.from.rawValue)"
        switch change.kind {
        case .renamed(let name, let readyPath, let incoming, let due):
            return try update(
                change.id,
                "state = 0, released = NULL, name = :name, ready = :ready, incoming = :incoming, due = :due",
                isFrom,
                ["name": name, "ready": readyPath, "incoming": incoming, "due": due.microseconds], db)
        case .withdrawn(let incoming, let mayComeAgain):
            let due: Int64? = mayComeAgain ? DropRecord.never.microseconds : nil
            return try end(
                change.id, "state = 5, incoming = :incoming, due = :due", isFrom,
                ["incoming": incoming, "due": due], db)
        case .acknowledged(let instant):
            return try update(
                change.id, "state = 2, acknowledged = :time", isFrom, ["time": instant.microseconds], db)
        case .lost: return try end(change.id, "state = 3", isFrom, [:], db)
        }
    }

    /// As `update`, of a drop that is not to be released: what the store keeps of it goes.
    private func end(
        _ id: String, _ changes: String, _ condition: String, _ arguments: StatementArguments, _ db: Database
    ) throws -> Bool {
        guard try update(id, changes, condition, arguments, db), let seq = try seq(of: id, db) else {
            return false
        }
        try db.cachedStatement(sql: "DELETE FROM bodies WHERE seq = ?").execute(arguments: [seq])
        return true
    }

    /// Changes the drop with this id if a condition holds. Returns whether it did.
    private func update(
        _ id: String, _ changes: String, _ condition: String, _ arguments: StatementArguments, _ db: Database
    ) throws -> Bool {
        guard let seq = try seq(of: id, db) else { return false }
        try db.cachedStatement(sql: "UPDATE drops SET \(changes) WHERE seq = :seq AND \(condition)")
            .execute(arguments: arguments + ["seq": seq])
        return db.changesCount > 0
    }
}
