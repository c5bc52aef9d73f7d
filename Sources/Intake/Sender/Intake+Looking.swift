// What a sender sees, and the directories it makes. What its consumer has taken is noticed here: a look at `ready/`
// decides.
import Admission
import JSON
import Ledger
import Logging
package import Staging
import Synchronization

extension Intake {
    /// What shows under a name; nil: nothing.
    package func look(_ path: DropPath, _ session: SenderSession) -> SenderNode? {
        let box = session.box
        let found = box.state.withLock { state -> SenderNode? in
            if let modified = state.tree.modified(folder: path) {
                return SenderNode(isDirectory: true, bytes: 0, modified: modified)
            }
            return newest(path, in: &state, box).map(SenderNode.init)
        }
        return found ?? delivered(path, session)
    }

    /// The next names in a directory, in the order of their bytes, and whether there are more.
    /// - Parameters:
    ///   - name: the last one of the page before.
    ///   - limit: names of a page; `bytes`: of all its names together.
    package func list(
        _ folder: DropPath, after name: [UInt8]?, limit: Int, bytes: Int, _ session: SenderSession
    ) throws(SenderError) -> (entries: [(name: [UInt8], node: SenderNode)], hasMore: Bool) {
        let box = session.box
        let page = box.state.withLock { state -> (entries: [[UInt8]: SenderNode], last: [UInt8]?)? in
            guard state.tree.isFolder(folder) else { return nil }
            var entries: [[UInt8]: SenderNode] = [:]
            var after = name
            var left = bytes
            while entries.count < limit, left > 0 {
                guard let next = state.tree.names(in: folder, after: after, limit: 1).first else {
                    return (entries, nil)
                }
                after = next
                if let node = node(folder.child(next), in: &state, box, session) {
                    entries[next] = node
                    left -= 2 * next.count + Self.entryBytes
                }
            }
            return (entries, after)
        }
        guard let page else { throw missing(folder, box, reason: nil) }
        var found = page.entries
        let last = page.last
        // What is delivered and taken may make a page longer; the rest comes with the next one.
        var added = 0
        for own in session.delivered(in: folder, after: name, upTo: last) where found[own] == nil {
            // Each costs a look into the ledger: no more of them than a page has and one that says that there are more.
            guard added <= limit else { break }
            guard let node = delivered(folder.child(own), session) else { continue }
            found[own] = node
            added += 1
        }
        let sorted = found.map { (name: $0.key, node: $0.value) }
            .sorted { $0.name.lexicographicallyPrecedes($1.name) }
        let entries = sorted.prefix(limit)
        return (Array(entries), last != nil || entries.count < sorted.count)
    }

    /// What an entry of a page has beside its name, in bytes of a line at most.
    private static let entryBytes = 120

    private func node(
        _ path: DropPath, in state: inout SenderBox.State, _ box: SenderBox, _ session: SenderSession
    ) -> SenderNode? {
        if let modified = state.tree.modified(folder: path) {
            return SenderNode(isDirectory: true, bytes: 0, modified: modified)
        }
        if let item = newest(path, in: &state, box) { return SenderNode(item) }
        // Its own, whose size it knows better.
        return state.tree.items(path).last { $0.standing == .writing(session: session.id) }.map(
            SenderNode.init)
    }

    /// What a session has delivered under a name a short while ago and a consumer has taken. What a sender took back or renamed
    /// since, from whichever session, is not there.
    func delivered(_ path: DropPath, _ session: SenderSession) -> SenderNode? {
        guard let (drop, node) = session.hasDelivered(path, at: now) else { return nil }
        guard let record = try? store.drop(id: drop), ![.withdrawn, .lost].contains(record.state),
            name(record, session.box.account).utf8.elementsEqual(path.bytes)
        else {
            session.takesBack(path)
            return nil
        }
        return node
    }

    /// The newest item of a name that shows to everybody. What has been taken goes.
    func newest(_ path: DropPath, in state: inout SenderBox.State, _ box: SenderBox) -> SenderItem? {
        var empty: SenderItem?
        for item in state.tree.items(path).reversed() {
            switch item.standing {
            case .partial(false) where item.bytes == 0:
                // Nothing of it can be gone on with; what was there before it can.
                empty = empty ?? item
            case .partial, .settling: return item
            case .waiting(let readyPath):
                if (try? staging.ready.stillHolds(readyPath)) ?? true { return item }
                state.tree.remove(item.drop)
            case .writing(session: 0):
                // Of a session that the gate before this one had started: is it still there?
                if let partial = try? box.files.summary(item.drop), partial.isLive { continue }
                if let found = returned(item.drop, in: &state, box) { return found }
            case .writing: continue
            }
        }
        return empty
    }

    /// Forgets everything that has been taken.
    func forgetTaken(in state: inout SenderBox.State, _ box: SenderBox, below folder: DropPath = .root) {
        for path in state.tree.files(inside: folder) { forgetTaken(in: &state, box, at: path) }
    }

    /// Forgets what has been taken of one name, and finds out about uploads of sessions that are gone.
    func forgetTaken(in state: inout SenderBox.State, _ box: SenderBox, at path: DropPath) {
        for item in state.tree.items(path) {
            switch item.standing {
            case .waiting(let readyPath):
                if !((try? staging.ready.stillHolds(readyPath)) ?? true) { state.tree.remove(item.drop) }
            case .writing(session: 0):
                if (try? box.files.summary(item.drop))??.isLive != true {
                    _ = returned(item.drop, in: &state, box)
                }
            case .writing, .partial, .settling: break
            }
        }
    }

    /// Finds out which uploads of an earlier run's sessions nobody writes any more.
    func lookAnew(in state: inout SenderBox.State, _ box: SenderBox) {
        for drop in state.tree.drops where state.tree.item(drop)?.standing == .writing(session: 0) {
            if (try? box.files.summary(drop))??.isLive != true { _ = returned(drop, in: &state, box) }
        }
    }

    // MARK: Directories

    /// Whether a directory of this name would stand beside a file: one that shows, or one that a session is still writing.
    func isFile(_ path: DropPath, in state: inout SenderBox.State, _ box: SenderBox) -> Bool {
        newest(path, in: &state, box) != nil || !state.tree.items(path).isEmpty
    }

    package func makeDirectory(_ path: DropPath, _ session: SenderSession) throws(SenderError) {
        let box = session.box
        try checkParent(path, box, reason: .badPath)
        let noSpace = checkSpace()
        let refusal = box.state.withLock { state -> SenderError? in
            if state.tree.isFolder(path) {
                return SenderError(.exists, nil, "\(path): there is a directory of that name already")
            }
            if isFile(path, in: &state, box) {
                return SenderError(.exists, .badPath, "\(path): there is a file of that name")
            }
            if let noSpace { return self.refusal(StagingError(.full, noSpace.description), path) }
            if let refusal = full(names: 1, bytes: 0, path, in: &state, box) { return refusal }
            do throws(StagingError) {
                try box.files.makeDirectory(path)
            } catch {
                return self.refusal(error, path)
            }
            let made = now.microseconds / 1_000_000
            state.tree.insert(folder: path, modified: made)
            state.tree.use(folder: path.parent, at: made)
            return nil
        }
        if let refusal { throw refusal }
    }

    package func removeDirectory(_ path: DropPath, _ session: SenderSession) async throws(SenderError) {
        let box = session.box
        let refusal = await box.lock.with(.exclusive) {
            box.state.withLock { state -> SenderError? in
                guard state.tree.isFolder(path) else {
                    return SenderError(.absent, nil, "\(path): no such directory")
                }
                forgetTaken(in: &state, box, below: path)
                guard state.tree.isEmpty(folder: path) else {
                    return SenderError(.exists, .forbiddenOperation, "\(path): the directory is not empty")
                }
                do throws(StagingError) {
                    try box.files.removeDirectory(path)
                } catch {
                    return self.refusal(error, path)
                }
                state.tree.remove(folder: path)
                // A file may have the name next.
                staging.ready.removeEmptyDirectory(Self.readyRoot(box.account) + path.text)
                return nil
            }
        }
        if let refusal { throw refusal }
    }

    // MARK: Refusals

    /// The directory that a name is to stand in is there.
    func checkParent(_ path: DropPath, _ box: SenderBox, reason: Reason?) throws(SenderError) {
        if box.state.withLock({ $0.tree.isFolder(path.parent) }) { return }
        throw missing(path.parent, box, reason: reason)
    }

    private func missing(_ folder: DropPath, _ box: SenderBox, reason: Reason?) -> SenderError {
        box.state.withLock { state in
            if let file = state.tree.fileAbove(folder.child([0x78])) {
                return SenderError(.failed, reason, "\(file): is a file, not a directory")
            }
            return SenderError(.absent, reason, "\(folder): no such directory; make it first")
        }
    }

    func refusal(_ error: StagingError, _ path: DropPath) -> SenderError {
        switch error.code {
        case .full:
            return SenderError(
                .failed, .stagingFull,
                "\(path): the gate's disk is full; nothing is accepted until the gate's owner has made room")
        case .exists: return SenderError(.exists, .badPath, "\(path): exists already, or is not empty")
        case .notFound, .badPath, .damaged, .failed:
            logger.error("\(UntrustedText.head(path.description)): \(error)")
            return SenderError(.failed, .badPath, "\(path): \(SenderError.broken.message)")
        case .denied, .obstructed:
            // Of the gate's own directories, not of the name.
            logger.error("\(UntrustedText.head(path.description)): \(error)")
            return SenderError(.failed, .stagingFull, "\(path): \(Self.storesNothing.description)")
        }
    }

    private static let quickLook = Duration.milliseconds(20)

    /// Whether an account may have so many names and bytes more; what its consumer has taken counts no longer, and empty
    /// directories and interrupted uploads give way.
    func full(
        names: Int, bytes: Int64, _ path: DropPath, in state: inout SenderBox.State, _ box: SenderBox
    ) -> SenderError? {
        let isOver = { (state: SenderBox.State) in
            (names > 0 && state.tree.names + names > self.configuration.maxPendingNames)
                || state.tree.bytes + bytes > self.configuration.maxPendingBytes
        }
        guard isOver(state) else { return nil }
        // A look at very much costs time that others wait for: a tenth of it all at most.
        let began = ContinuousClock.now
        if state.look.map({ $0.took < Self.quickLook || $0.ended.duration(to: began) > $0.took * 10 }) ?? true
        {
            forgetTaken(in: &state, box)
            let excess = state.tree.names + names - configuration.maxPendingNames
            if names > 0, excess > 0 { removeEmptyFolders(excess, but: path.parent, in: &state, box) }
            state.look = (.now, began.duration(to: .now))
        }
        let excess = state.tree.bytes + bytes - configuration.maxPendingBytes
        if excess > 0 { giveUpInterrupted(excess, in: &state, box) }
        guard isOver(state) else { return nil }
        let (what, remedy, setting) =
            state.tree.bytes + bytes > configuration.maxPendingBytes
            ? ("\(configuration.maxPendingBytes) bytes", "take some", "sftp.max_pending_bytes")
            : (
                "\(configuration.maxPendingNames) names, directories too",
                "take files, or its sender must remove files or directories,",
                "sftp.max_pending_names"
            )
        return SenderError(
            .failed, .stagingFull,
            "\(path): this account has reached its limit in the gate (\(what)); its consumer must \(remedy) first, or the gate's owner "
                + "must allow more (\(setting))")
    }

    /// Something gets a name in a directory. The directory's own time on the disk says so to whoever loads the box anew.
    func use(folder path: DropPath, in state: inout SenderBox.State, _ box: SenderBox) {
        let now = now.microseconds / 1_000_000
        guard state.tree.use(folder: path, at: now), !path.isRoot else { return }
        box.files.date(directory: path, now)
    }

    /// How long an empty directory is left to its sender, who may be about to fill it; in seconds.
    private static let longestEmpty: Int64 = 600

    /// Empty directories give way where their account needs the names, the longest unused first. Only their sender removes them
    /// else, so one that makes a directory for each patient would lock itself out. Somewhat more of them go than is needed: not each
    /// request has to look through all.
    /// - Parameter parent: where something is about to be made.
    private func removeEmptyFolders(
        _ names: Int, but parent: DropPath, in state: inout SenderBox.State, _ box: SenderBox
    ) {
        let limit = now.microseconds / 1_000_000 - Self.longestEmpty
        var left = max(names, configuration.maxPendingNames / 100)
        var isAny = true
        // Once those inside another one are gone, that may be empty, too.
        while left > 0, isAny {
            isAny = false
            for folder in state.tree.emptyFolders(unusedSince: limit) where folder != parent && left > 0 {
                do throws(StagingError) {
                    try box.files.removeDirectory(folder)
                } catch {
                    // One that cannot be removed counts on.
                    guard error.code == .notFound else { continue }
                }
                state.tree.remove(folder: folder)
                // A file may have the name next.
                staging.ready.removeEmptyDirectory(Self.readyRoot(box.account) + folder.text)
                (left, isAny) = (left - 1, true)
            }
        }
    }

    /// Interrupted uploads give way, oldest first, where their account needs the room and they have enough of it: one that
    /// nobody goes on with would lock the account out for as long as it waits. Their senders have them still.
    private func giveUpInterrupted(_ bytes: Int64, in state: inout SenderBox.State, _ box: SenderBox) {
        let items = state.tree.drops.sorted().compactMap { state.tree.item($0) }
            .filter { $0.standing == .partial(isWhole: false) }
        guard items.reduce(0, { $0 + $1.bytes }) >= bytes else { return }
        var missing = bytes
        for item in items where missing > 0 {
            // One that cannot be removed counts on.
            guard let path = state.tree.path(of: item.drop), (try? box.files.remove(item.drop)) == true else {
                continue
            }
            state.tree.remove(item.drop)
            missing -= item.bytes
            noteGivenUp(
                item.drop, path, item.bytes, "its account needed the room (sftp.max_pending_bytes)", box)
        }
    }
}
