// Where an upload begins and how it ends without being whole: which drop a session writes, room on the disk, and
// what is kept for resume.
import Admission
package import Ledger
package import Staging
import Synchronization

/// What a session wants to write.
package struct SenderOrder: Sendable {
    package var path: DropPath
    /// Refuse when something shows under the name.
    package var exclusive: Bool
    /// Refuse when nothing does.
    package var mustExist: Bool
    /// Start from nothing whatever is there.
    package var fresh: Bool
    /// Only at the end of what is there.
    package var appends: Bool
    /// The client's modification time, seconds since the epoch.
    package var modified: Int64?

    package init(
        path: DropPath, exclusive: Bool, mustExist: Bool, fresh: Bool, appends: Bool, modified: Int64?
    ) {
        self.path = path
        self.exclusive = exclusive
        self.mustExist = mustExist
        self.fresh = fresh
        self.appends = appends
        self.modified = modified
    }
}

/// What a session may write.
package struct SenderOpening: Sendable {
    package enum Standing: Sendable, Equatable {
        /// A new upload, whatever was there.
        case fresh
        /// An earlier upload that waits. The session locks it, and decides with the first write.
        case partial
        /// A new upload where a delivered file of so many bytes shows.
        case delivered(bytes: Int64)
    }

    package var drop: String
    package var standing: Standing
    /// Bytes that may be written before more room is asked for.
    package var room: Int64
}

/// An upload that its session left without a word.
package struct LeftUpload: Sendable {
    package var drop: String
    package var path: DropPath
    /// What there was of it that its sender could go on with.
    package var bytes: Int64
    /// A newer upload of its name is whole, so nothing of it is kept.
    package var isSuperseded = false
}

extension Intake {
    /// Bytes that an upload has room for at once; most are smaller.
    static let firstRoom: Int64 = 256 << 10

    /// Begins an upload, or goes on with one.
    package func open(_ order: SenderOrder, _ session: SenderSession) throws(SenderError) -> SenderOpening {
        let box = session.box
        let path = order.path
        if let error = checkSpace() { throw refusal(StagingError(.full, error.description), path) }
        try checkParent(path, box, reason: .badPath)
        let result = box.state.withLock { state -> Result<SenderOpening, SenderError> in
            Result { () throws(SenderError) in try open(order, session, in: &state) }
        }
        var opening = try result.get()
        do throws(SenderError) {
            opening.room = try room(1...Self.firstRoom, for: opening.drop, session)
        } catch {
            putBack(opening.drop, session)
            throw error
        }
        return opening
    }

    private func open(
        _ order: SenderOrder, _ session: SenderSession, in state: inout SenderBox.State
    ) throws(SenderError) -> SenderOpening {
        let box = session.box
        let path = order.path
        if state.tree.isFolder(path) { throw SenderError(.failed, .badPath, "\(path): is a directory") }
        let shown = newest(path, in: &state, box)
        if order.exclusive, shown != nil {
            throw SenderError(.exists, .forbiddenOperation, "\(path): exists already")
        }
        if order.mustExist, shown == nil { throw SenderError(.absent, .badPath, "\(path): no such file") }
        if order.appends, shown?.isDelivered == true {
            throw SenderError(
                .denied, .forbiddenOperation,
                "\(path): was delivered whole, so nothing can be appended to it; send the whole file again")
        }
        let now = now
        use(folder: path.parent, in: &state, box)
        if !order.fresh, let shown, shown.isPartial {
            let opened = nextDrop(now)
            state.tree.update(shown.drop) { item in
                if item.isWhole {
                    item.reopened = SenderItem.Reopening(opened: opened, bytes: item.bytes)
                } else {
                    item.opened = opened
                }
                item.standing = .writing(session: session.id)
            }
            return SenderOpening(drop: shown.drop, standing: .partial, room: 0)
        }
        if let refusal = full(names: 1, bytes: 0, path, in: &state, box) { throw refusal }
        let drop = nextDrop(now)
        state.tree.insert(
            SenderItem(
                drop: drop, bytes: 0, modified: order.modified ?? now.microseconds / 1_000_000,
                standing: .writing(session: session.id)), at: path)
        return SenderOpening(
            drop: drop, standing: order.fresh ? .fresh : shown.map { .delivered(bytes: $0.bytes) } ?? .fresh,
            room: 0)
    }

    /// Drop ids sort in the order in which they were given.
    private func nextDrop(_ now: Instant) -> String {
        DropID.make(
            milliseconds: lastDrop.withLock { last in
                last = max(last + 1, now.microseconds / 1000)
                return last
            })
    }

    /// Room for more bytes of an upload that has filled what it had. Returns how many of those that are wanted.
    package func room(
        _ bytes: ClosedRange<Int64>, for drop: String, _ session: SenderSession
    ) throws(SenderError) -> Int64 {
        let box = session.box
        let path = path(of: drop, session)
        let allowed = box.state.withLock { state -> Result<Int64, SenderError> in
            guard state.tree.item(drop)?.standing == .writing(session: session.id) else {
                return .failure(SenderError(.failed, nil, "\(path): is not being written"))
            }
            if let refusal = full(names: 0, bytes: bytes.lowerBound, path, in: &state, box) {
                // Nothing of what is being written can go on.
                return .failure(SenderError(.full, refusal.reason, refusal.message))
            }
            let allowed = min(bytes.upperBound, configuration.maxPendingBytes - state.tree.bytes)
            // At once, so that other sessions do not get the same.
            state.tree.update(drop) { $0.bytes += allowed }
            return .success(allowed)
        }
        let wanted = try allowed.get()
        switch uploadSpace.take(bytes.lowerBound...wanted, for: drop) {
        case .success(let granted):
            box.state.withLock { $0.tree.update(drop) { $0.bytes -= wanted - granted } }
            return granted
        case .failure(let missing):
            box.state.withLock { $0.tree.update(drop) { $0.bytes -= wanted } }
            health.set(problem: "space", message: "\(missing)")
            throw SenderError(
                .full, .stagingFull,
                "\(path): the gate's disk is full; nothing is accepted until the gate's owner has made room")
        }
    }

    /// The name of an upload that a session is writing; the root when there is none.
    package func path(of drop: String, _ session: SenderSession) -> DropPath {
        session.box.state.withLock { $0.tree.path(of: drop) } ?? .root
    }

    /// Whether this session is writing a drop.
    func writes(_ drop: String, _ session: SenderSession) -> Bool {
        session.box.state.withLock { $0.tree.item(drop)?.standing == .writing(session: session.id) }
    }

    // MARK: Not whole

    /// An upload waits: interrupted, or whole under a temporary name. The session has noted it on disk.
    /// - Returns: false for an interrupted one of which nothing is kept, because a newer upload of its name is whole.
    @discardableResult
    package func kept(
        _ drop: String, bytes: Int64, isWhole: Bool, modified: Int64?, _ session: SenderSession
    ) async -> Bool {
        guard writes(drop, session) else { return true }
        uploadSpace.end(drop)
        let box = session.box
        let (isKept, superseded) = box.state.withLock { state -> (Bool, Superseded?) in
            guard let path = state.tree.path(of: drop) else { return (true, nil) }
            if !isWhole, state.tree.item(drop)?.isSuperseded == true {
                if case .waits = leave(drop, in: &state, box) { return (true, nil) }
                return (false, nil)
            }
            state.tree.update(drop) { item in
                (item.opened, item.reopened) = (item.openedLast(bytes: bytes), nil)
                item.bytes = bytes
                item.modified = modified ?? item.modified
                item.standing = .partial(isWhole: isWhole)
            }
            guard isWhole else { return (true, nil) }
            // Also of one that is superseded: whole, it is an upload of its own.
            unmark(drop, in: &state, box)
            return (true, supersede(drop, at: path, in: &state, box))
        }
        await withdraw(superseded, box)
        return isKept
    }

    /// Nothing is kept of an upload.
    package func discarded(_ drop: String, _ session: SenderSession) {
        guard writes(drop, session) else { return }
        uploadSpace.end(drop)
        session.box.state.withLock { _ = $0.tree.remove(drop) }
    }

    /// A session does not write this one after all: what lies there counts.
    package func putBack(_ drop: String, _ session: SenderSession) {
        guard writes(drop, session) else { return }
        uploadSpace.end(drop)
        let box = session.box
        box.state.withLock { _ = returned(drop, in: &$0, box) }
    }

    /// A session has ended. Returns the uploads that it was writing and said nothing of: its process was killed.
    package func endSession(_ session: SenderSession) -> [LeftUpload] {
        let box = session.box
        return box.state.withLock { state -> [LeftUpload] in
            let open = state.tree.drops.filter {
                state.tree.item($0)?.standing == .writing(session: session.id)
            }
            var left: [LeftUpload] = []
            for drop in open {
                uploadSpace.end(drop)
                guard let path = state.tree.path(of: drop) else { continue }
                var upload = LeftUpload(drop: drop, path: path, bytes: 0)
                switch leave(drop, in: &state, box) {
                case .waits(let item): upload.bytes = item.bytes
                case .superseded(let bytes): (upload.bytes, upload.isSuperseded) = (bytes, true)
                case .nothing: break
                }
                left.append(upload)
            }
            return left
        }
    }

    /// An upload was left before it was whole, and there are bytes that its sender could go on with: an entry of its own, however
    /// many come at once, since its sender asks which ones. Sessions have so many files open at most.
    package func noteInterrupted(_ attempt: Attempt) { write(attempt) }
}
