// Who may call in: the source lists, the decision on an address, now and at any moment that the ledger knows of.
package import Admission
import Files
import JSON
package import Ledger
package import Settings

/// Methods throw `ManagementError`, `LedgerError` or `SettingsErrors`; those that change a list `FileError`, too.
package struct SourceService: Sendable {
    /// The decision on a connection, and by which lists it was made.
    package struct Explanation: Sendable {
        package let moment: Instant
        package let lists: SourceLists
        /// Empty where the lists are not known.
        package let decisions: [(channel: Channel, decision: Decision)]

        /// The list entry that a source is near to which is in none.
        package func neighbour(of decision: Decision) -> SourceEntry? {
            guard decision.verdict == .rejected, let source = decision.source else { return nil }
            return (try? lists.policy.get())?.neighbour(of: source.ip)
        }
    }

    let settings: GateSettings
    private let authority: (any GateAuthority)?

    /// - Parameter authority: of this process, which is the gate; nil: it is looked for.
    package init(_ settings: GateSettings, authority: (any GateAuthority)? = nil) {
        self.settings = settings
        self.authority = authority
    }

    // MARK: Lists

    /// The lists as the files have them; with mistakes in the files, those that the gate has in force.
    package func lists(now: Instant = .now()) throws -> SourceLists {
        do throws(SettingsErrors) {
            let policy = try PolicyLoader.load(files: settings.sources)
            var lists = SourceLists(files: policy)
            lists.notes = notInForce(policy)
            return lists
        } catch {
            return try inForce(instead: error, now: now)
        }
    }

    /// The lists that were in force at a moment. What is to come is decided by the lists of now.
    package func lists(at moment: Instant, now: Instant = .now()) throws -> SourceLists {
        guard moment < now else { return try lists(now: now) }
        guard try settings.ledgerHandle.isThere() else {
            return SourceLists(nil, at: moment)
        }
        let standing = try history().standing(at: moment)
        var lists = SourceLists(standing, at: moment)
        if let standing { try narrow(&lists, standing, at: moment) }
        return lists
    }

    private func history() throws -> PolicyHistory {
        PolicyHistory(try settings.ledgerHandle.reader(), settings.ledgerHandle.policies)
    }

    private func inForce(instead errors: SettingsErrors, now: Instant) throws -> SourceLists {
        let unknown: String
        do {
            guard try settings.ledgerHandle.isThere(), let standing = try history().standing(at: now) else {
                throw errors
            }
            if case .success = standing.policy {
                var lists = SourceLists(standing, at: now)
                lists.problems = errors.problems.map { "\($0)" }
                lists.notes =
                    standing.stopped.map {
                        [
                            "the gate stopped at \($0) and does not start with these files; what was in force then is shown"
                        ]
                    } ?? []
                try narrow(&lists, standing)
                return lists
            }
            guard case .failure(let problem) = standing.policy else { throw errors }
            unknown = problem.description
        } catch let error as LedgerError {
            unknown = error.description
        }
        let problem = SettingsProblem(
            place: .file(settings.ledgerHandle.description), key: "",
            message: "it is not known which lists are in force meanwhile: \(unknown)")
        throw SettingsErrors(errors.problems + [problem])
    }

    /// Whom good lists refuse that never came into force is refused by a running gate, too.
    private func narrow(
        _ lists: inout SourceLists, _ standing: PolicyHistory.Standing, at moment: Instant? = nil
    ) throws {
        let history = try history()
        guard standing.stopped == nil, let version = try history.narrowing(since: standing, at: moment)
        else { return }
        lists.notes.append(ListChange.narrowingWords(version))
        switch history.policy(version) {
        case .success(let policy): lists.narrowing = policy
        case .failure(let unknown): lists.notes.append("it is not known whom these lists refuse: \(unknown)")
        }
    }

    /// What a running gate has in force, where that is not what the files say.
    private func notInForce(_ policy: Policy) -> [String] {
        do {
            guard try settings.ledgerHandle.isThere() else { return [] }
            let history = try history()
            do {
                guard let last = try history.last(), last.version != policy.version, !last.isStop else {
                    return []
                }
            } catch is PolicyUnknown {
                // Sealed entries tell. That takes its time, and saying nothing would pass the files off as what decides.
            }
            guard let standing = try history.newest(), standing.version != policy.version,
                standing.stopped == nil
            else { return [] }
            return [
                "the files are not in force: since \(standing.since) (entry \(standing.seq)) the gate has the lists "
                    + "\(standing.version); a running gate applies changed files within a second"
            ]
        } catch {
            return ["whether these lists are in force is not known: \(error)"]
        }
    }

    // MARK: Decisions

    /// The decision on a connection, on each of these channels.
    /// - Parameter moment: nil: now. A moment that is over is decided by the lists that were in force then.
    package func explain(
        _ question: SourceQuestion, on channels: [Channel], at moment: Instant? = nil, now: Instant = .now()
    ) throws -> Explanation {
        let lists = try moment.map { try self.lists(at: $0, now: now) } ?? lists(now: now)
        guard case .success(let policy) = lists.policy else {
            return Explanation(moment: moment ?? now, lists: lists, decisions: [])
        }
        return Explanation(
            moment: moment ?? now, lists: lists,
            decisions: try channels.map { channel in
                let resolution = try SourceResolution(question, channel: channel, settings: settings)
                    .resolution()
                return (
                    channel,
                    Decision.decide(
                        resolution, channel: channel, policy: policy, narrowedBy: lists.narrowing,
                        at: moment ?? now)
                )
            })
    }

    /// Who answers for what an entry of the ledger let in: the list entries of that time.
    package func approval(ofEntry seq: Int64) throws -> Approval {
        let reader = try settings.ledgerHandle.reader()
        guard let entry = try reader.entry(seq: seq) else {
            let size = try reader.size()
            throw ManagementError(
                .refused,
                seq >= 0 && seq < size
                    ? "entry \(seq) is not in the ledger any more: retention has removed it"
                    : "there is no entry \(seq); the ledger has \(Counted.entries(size))")
        }
        return try Approval(entry, history: PolicyHistory(reader, settings.ledgerHandle.policies))
    }

    /// How the lists that an entry names decide on its source, step by step; of a refusal, what it says itself. None where no list
    /// decided, or where those are not known any more. Throws for bytes that are not what this program writes.
    package func trace(of entry: StoredEntry) throws -> [String] {
        let value = try entry.value()
        if let own = value["detail"]?["trace"]?.array { return own.compactMap(\.string) }
        guard let version = value["policy"]?.string,
            let channel = value["channel"]?.string.flatMap(Channel.init(rawValue:)),
            let ip = value["source"]?["ip"]?.string.flatMap({ try? IPAddress($0) }),
            let policy = try? history().policy(version).get()
        else { return [] }
        return policy.match(ip, channel: channel, at: entry.time).trace
    }

    /// Who answers for what let a drop in. The id is taken as people type it.
    package func approval(ofDrop id: String) throws -> Approval {
        let reader = try settings.ledgerHandle.reader()
        return try approval(ofEntry: TypedDrop(id).record(reader, settings).seq)
    }

    // MARK: Changes

    /// Adds an entry to the end of a list, and returns it as it was read back.
    /// - Parameters:
    ///   - list: the list's name or file; nil where there is only one.
    ///   - attribution: who adds it and why, for the ledger.
    ///   - place: where the document was read.
    ///   - warn: told of what could not be recorded.
    ///   - entry: made for the list's name. An expiry or a review that is over already is refused, and so is a document that
    ///     was read on a day to come.
    package func add(
        to list: String?, by attribution: Attribution, now: Instant = .now(), place: LocalTime = .utc,
        warn: @escaping @Sendable (String) -> Void, _ entry: (String) throws -> SourceEntry
    ) async throws -> SourceEntry {
        let entry = try entry(ListChoice.editor(list, of: settings).name)
        try Self.check(new: entry, now, place)
        let edit = try await replace {
            try ListChoice.change { try ListChoice.editor(list, of: settings).adding(entry) }
        }
        await record("source add", edit, "+", attribution, warn)
        return edit.touched.first ?? entry
    }

    static func check(new entry: SourceEntry, _ now: Instant, _ place: LocalTime) throws(ManagementError) {
        for (word, moment) in [("expires", entry.expires), ("review_by", entry.reviewBy)] {
            guard let moment, moment <= now else { continue }
            let what =
                word == "expires" ? "the entry would let nobody in" : "the review would be overdue at once"
            throw ManagementError(
                .invalid, "\(word) \(moment) is in the past: \(what)", fix: "give a day in the future")
        }
        if let read = entry.document?.read { try Self.check(read: read, now, place) }
    }

    /// The day on which a document was read is a day, and no later one than today.
    private static func check(read: String, _ now: Instant, _ place: LocalTime) throws(ManagementError) {
        guard read.utf8.count == 10, let day = Instant(wallClock: read) else {
            throw ManagementError(
                .invalid, "read: \"\(UntrustedText.line(read))\" is not a day", fix: "write it as 2026-11-23")
        }
        guard place.first(showing: day) <= now else {
            throw ManagementError(
                .invalid, "read \(read) is in the future: nobody can have read the document on that day",
                fix: "give the day on which it was read")
        }
    }

    /// Removes the entries of a block, of one service or of all, and returns them.
    /// - Parameters:
    ///   - attribution: who removes them and why, for the ledger.
    ///   - warn: told of what could not be recorded.
    package func remove(
        _ block: CIDRBlock, service: String?, from list: String?, by attribution: Attribution,
        warn: @escaping @Sendable (String) -> Void
    ) async throws -> [SourceEntry] {
        let edit = try await replace {
            try ListChoice.change {
                try ListChoice.editor(list, of: settings).removing(block, service: service)
            }
        }
        await record("source remove", edit, "-", attribution, warn)
        return edit.touched
    }

    /// Replaces a list by what `change` makes of the lists as they are, and returns that. No other change, of this process or another
    /// one, comes between its look at them and the new file. Lists that would be no good together leave the file as it was.
    func replace(_ change: () throws -> SourceListEditor.Edit) async throws -> SourceListEditor.Edit {
        // The file behind a link is the one that is replaced.
        let directories = settings.sources.map { Paths.directory(of: Paths.real($0) ?? $0) }
        return try await DirectoryLock.hold(directories) {
            let edit = try change()
            do throws(SettingsErrors) {
                _ = try PolicyLoader.load(files: settings.sources, instead: [edit.path: edit.text])
            } catch {
                throw ListChoice.unchanged(error.unwritten(in: edit.path))
            }
            try SourceListEditor.apply(edit)
            return edit
        }
    }

    /// - Parameter sign: before each entry: "+", "-" or "~".
    func record(
        _ command: String, _ edit: SourceListEditor.Edit, _ sign: String, _ attribution: Attribution,
        _ warn: @escaping @Sendable (String) -> Void
    ) async {
        let change = ManagedChange(
            command, file: edit.path, lines: edit.touched.map { "\(sign) \($0.summary)" })
        await Authority.recordChange(
            change, by: attribution, settings: settings, own: authority, warn: warn)
    }

    /// The lists as the files have them.
    package func fileLists() throws -> Policy { try PolicyLoader.load(files: settings.sources) }
}
