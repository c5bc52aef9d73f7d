// Drops: what there is, what became of one, whether the files are still what the ledger says, and what a consumer or an
// operator does with them.
import Admission
import Files
package import Intake
import JSON
package import Ledger
package import Settings
import Staging

/// Methods throw `ManagementError`, `LedgerError` or `StagingError`. Ids are taken as people type them (`TypedDrop`).
package struct DropService: Sendable {
    let settings: GateSettings

    package init(_ settings: GateSettings) { self.settings = settings }

    /// Newest first. Whether a released drop still lies in `ready/` is looked at, where it may be looked at.
    /// - Parameter states: none: all.
    package func list(states: Set<DropState> = [], limit: Int = .max) throws -> [DropView] {
        let reader = try settings.ledgerHandle.reader()
        let look = try? ReadyLook(settings, reader)
        return try list(states, limit, reader) { record in
            let view = try DropView(record, reader, look)
            return Self.isWanted(view, states) ? view : nil
        }
    }

    /// Drops that lie in `ready/` and that nobody has acknowledged, newest first. Throws where staging cannot be looked at.
    package func waiting(limit: Int = .max) throws -> [DropView] {
        let reader = try settings.ledgerHandle.reader()
        let look = try ReadyLook(settings, reader)
        return try list([.released], limit, reader) { record in
            try look.place(of: record) == .there ? DropView(record, reader, look) : nil
        }
    }

    /// Some drops, and where to go on.
    package struct Page: Sendable {
        /// In the order in which they were asked for.
        package let drops: [DropView]
        /// What `before` or `after` is to be for the page behind this one; nil: there is none.
        package let next: Int64?

        package init(drops: [DropView], next: Int64?) {
            self.drops = drops
            self.next = next
        }
    }

    /// The newest drops of entries below `before`, by a look at `most` of them at most, and in `patience` or the time that one step takes:
    /// a page comes soon, and may have fewer drops than `limit`, or none, while there is a next one.
    /// - Parameters:
    ///   - states: none: all.
    ///   - step: drops.
    package func page(
        states: Set<DropState>, before: Int64?, limit: Int, most: Int = 200, step: Int = Look.drops,
        patience: Duration = Look.patience
    ) throws -> Page {
        let deadline = ContinuousClock.now + patience
        let reader = try settings.ledgerHandle.reader()
        let look = try? ReadyLook(settings, reader)
        var views: [DropView] = []
        var (before, left) = (before, most)
        repeat {
            let records = try reader.drops(
                states: Self.asked(states), before: before, limit: min(left, step))
            for record in records {
                let view = try DropView(record, reader, look)
                before = record.seq
                guard Self.isWanted(view, states) else { continue }
                views.append(view)
                if views.count == limit { return Page(drops: views, next: record.seq) }
            }
            if records.count < min(left, step) { return Page(drops: views, next: nil) }
            left -= records.count
        } while left > 0 && ContinuousClock.now < deadline
        return Page(drops: views, next: before)
    }

    /// The ledger may not know yet that one was taken, or put back.
    private static func asked(_ states: Set<DropState>) -> Set<DropState> {
        states.isDisjoint(with: [.released, .taken]) ? states : states.union([.released, .taken])
    }

    private static func isWanted(_ view: DropView, _ states: Set<DropState>) -> Bool {
        states.isEmpty || states.contains { "\($0)" == view.state }
    }

    private static let page = 500

    private func list(
        _ states: Set<DropState>, _ limit: Int, _ reader: any LedgerReading,
        _ view: (DropRecord) throws -> DropView?
    ) throws -> [DropView] {
        let asked = Self.asked(states)
        var views: [DropView] = []
        var before: Int64?
        while views.count < limit,
            case let records = try reader.drops(
                states: asked, before: before,
                limit: states.isEmpty ? min(limit - views.count, Self.page) : Self.page),
            let last = records.last
        {
            for record in records where views.count < limit {
                if let view = try view(record) { views.append(view) }
            }
            before = last.seq
        }
        return views
    }

    /// Events that are held in quarantine, oldest first.
    package func held(limit: Int = .max) throws -> [DropView] {
        guard try settings.mayHoldEvents() else { return [] }
        return try StagingArea(lookingInto: settings.staging.path).quarantinedEvents().prefix(limit)
            .map(DropView.init(held:))
    }

    /// The drops that something names: the id of a drop or of a held event; the path of a file under `ready/`, absolute or
    /// relative to the current directory, to staging or to `ready/`, of a batch (all its events) or a line of it
    /// (`….ndjson:12`); of a receipt, or of what lies in quarantine. Throws a `ManagementError` where it names none.
    package func show(_ text: String) throws -> [DropView] {
        let reader = try settings.ledgerHandle.reader()
        let look = try? ReadyLook(settings, reader)
        let place = TypedPlace(text, settings)
        if !DropID.isValid(text.lowercased()), let records = try place.records(reader, look) {
            return try records.map { try DropView($0, reader, look) }
        }
        // Who may read the ledger alone asks for what it knows; what else there is lies in staging.
        let id = place.heldID ?? text.lowercased()
        if try reader.drop(id: id) == nil, let held = try heldEvent(id) { return [held] }
        if text.contains("/"), !DropID.isValid(text) {
            throw ManagementError(
                .refused, "no drop is known by the path \"\(UntrustedText.head(text, limit: 512))\"",
                fix: "write a path under \(settings.staging.path)/\(StagingLayout.ready); "
                    + "`dropgate drops list` shows what there is")
        }
        return [try DropView(TypedDrop(text).record(reader, settings), reader, look)]
    }

    /// The drops of a path, oldest first: of a file under `ready/`, absolute or relative to staging or to `ready/`, of a batch or a line
    /// of it, or of a receipt. None where it names none.
    /// - Parameters:
    ///   - after: only drops of entries above this one.
    ///   - limit: at most so many.
    package func drops(at path: String, after: Int64?, limit: Int) throws -> Page {
        let reader = try settings.ledgerHandle.reader()
        let look = try? ReadyLook(settings, reader)
        let place = TypedPlace(path, settings, in: settings.staging.path)
        var records = try place.records(reader, look) ?? []
        if let after { records.removeAll { $0.seq <= after } }
        let views = try records.prefix(limit).map { try DropView($0, reader, look) }
        return Page(drops: views, next: records.count > limit ? records[limit - 1].seq : nil)
    }

    private func heldEvent(_ id: String) throws -> DropView? {
        guard DropID.isValid(id),
            try Presence.check("\(settings.staging.path)/\(StagingLayout.ready)")
        else { return nil }
        return try StagingArea(lookingInto: settings.staging.path).quarantinedReceipt(id).map(
            DropView.init(held:))
    }

    /// Compares released files and their receipts with the ledger and, of all drops, what lies under `ready/` with what was released.
    /// A drop that cannot be read is a finding; what the ledger throws ends it.
    /// - Parameters:
    ///   - ids: none: all released drops, and all that lies under `ready/`.
    ///   - progress: how many entries of the ledger are behind, of how many.
    ///   - found: what was found of each drop, and what is no drop's.
    /// Returns how often each finding was made.
    package func verify(
        _ ids: [String] = [], progress: (Int64, Int64) -> Void,
        found: (DropVerdict) throws -> Void
    ) throws -> [DropFinding: Int64] {
        let reader = try settings.ledgerHandle.reader()
        let check = try DropCheck(staging: settings.staging.path, reader: reader)
        var counts: [DropFinding: Int64] = [:]
        func tell(_ verdict: DropVerdict) throws {
            counts[verdict.finding, default: 0] += 1
            try found(verdict)
        }
        for id in ids { try tell(check.look(at: TypedDrop(id).record(reader, settings))) }
        guard ids.isEmpty else { return counts }
        let all = try reader.lastSeq() ?? 0
        var before: Int64?
        while case let records = try reader.drops(
            states: [.released, .taken, .acknowledged], before: before, limit: 500), let last = records.last
        {
            for record in records {
                try tell(check.look(at: record))
                progress(all - record.seq, all)
            }
            before = last.seq
        }
        try check.lookForStrays(tell)
        return counts
    }

    /// Whether the ledger has a drop of this id, or one is held in quarantine.
    package func isKnown(_ id: String) throws -> Bool {
        if try settings.ledgerHandle.reader().drop(id: id) != nil { return true }
        // Readable or not.
        return try DropID.isValid(id)
            && Presence.check("\(settings.staging.path)/\(StagingLayout.heldReceipt(id))")
    }

    /// Changes by an authority of the caller's, who closes it.
    package func changes(by attribution: Attribution, authority: any GateAuthority) -> DropChanges {
        DropChanges(settings: settings, authority: authority, attribution: attribution)
    }

    /// Changes by the running gate, or by this process. Returns when everything that was released lies in `ready/`.
    /// - Parameters:
    ///   - attribution: who makes them, and why.
    ///   - warn: told of witnesses that cannot be asked.
    package func changing<Answer: Sendable>(
        by attribution: Attribution, warn: @escaping @Sendable (String) -> Void,
        _ body: (DropChanges) async throws -> Answer
    ) async throws -> Answer {
        try await Authority.asking(settings, warn: warn) { authority in
            try await body(changes(by: attribution, authority: authority))
        }
    }
}

/// Changes of drops, by the running gate or by this process. What is refused, or cannot be done now, is a `ManagementError` that says
/// why.
package struct DropChanges: Sendable {
    fileprivate let settings: GateSettings
    fileprivate let authority: any GateAuthority
    fileprivate let attribution: Attribution

    /// The consumer is done with it. Returns its id.
    package func acknowledge(_ id: String) async throws -> String {
        let drop = try TypedDrop(id)
        let isDone = try await asking { try await authority.acknowledge(drop.id, by: attribution) }
        guard isDone else { throw drop.notAcknowledged(settings) }
        return drop.id
    }

    /// Releases an event that is held in quarantine, or a drop of another gate that is held until that one has let go of it.
    package func release(_ id: String) async throws -> (id: String, event: ReleasedEvent) {
        let drop = try TypedDrop(id)
        guard try drop.isHeld(settings) || drop.isHeldPull(settings) else { throw drop.notHeld(settings) }
        return (drop.id, try await asking { try await authority.releaseHeld(drop.id, by: attribution) })
    }

    /// Takes back what no consumer has: an upload goes to quarantine, a held event is removed for good.
    package func withdraw(_ id: String) async throws -> (id: String, drop: WithdrawnDrop) {
        let drop = try TypedDrop(id)
        do {
            guard let withdrawn = try await authority.withdraw(drop.id, by: attribution)
            else { throw drop.notWithdrawn(settings) }
            return (drop.id, withdrawn)
        } catch let error as IntakeError {
            // What the gate words for whoever sends: here nothing is to be stored.
            let isStaging = [Reason.stagingFull, .ledgerFailed].contains(error.code)
            throw (isStaging ? drop.barrier(settings) : nil) ?? ManagementError(error)
        }
    }

    private func asking<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
        do { return try await body() } catch let error as IntakeError { throw ManagementError(error) }
    }
}

extension GateSettings {
    /// Whether there is a place for held events. Where there is none, to open staging as an area would make it, as whoever asks: a gate
    /// could not write there. Throws where this process may not look, which is not "nothing held".
    func mayHoldEvents() throws -> Bool {
        try Presence.check("\(staging.path)/\(StagingLayout.quarantine)/\(StagingLayout.webhook)")
    }
}
