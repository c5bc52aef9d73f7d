// Carries out what the drop box asks: bytes through Staging's PartialStore, names through the daemon, which alone knows
// what the account has. It knows no protocol; texts for the client name paths as the client knows them, never the
// gate's own.
import Admission
import SFTPWire
import Staging

/// Not for several threads.
final class SessionStore {
    /// An upload that is open.
    struct Open {
        enum Bytes {
            case small(SmallUpload)
            case file(PartialFile)
        }
        var bytes: Bytes
        /// An earlier upload that was opened and not touched yet: how many bytes are there.
        var earlier: PartialStore.Held?
        /// Bytes that have been written, and bytes that there is room for.
        var written: Int64 = 0
        var room: Int64

        var drop: String {
            switch bytes {
            case .small(let upload): upload.drop
            case .file(let file): file.drop
            }
        }

        var path: String {
            switch bytes {
            case .small(let upload): upload.path
            case .file(let file): file.path
            }
        }
    }

    let store: PartialStore
    let link: SessionIPCClient
    let temporaryNames: TemporaryNames
    let mostInline: Int64?
    var uploads: [UploadSlot: Open] = [:]
    /// Bytes of the probes that this session has sent whole, by path.
    private var probes: [String: Int64] = [:]

    /// Bytes of room that a large upload asks for at once.
    private static let roomStep: Int64 = 16 * 1024 * 1024
    /// Bytes that one write may cause to be read back for the digest.
    private static let catchUpStep: Int64 = 4 * 1024 * 1024

    /// - Parameter mostInline: as in the daemon's welcome.
    init(
        store: PartialStore, link: SessionIPCClient, temporaryNames: TemporaryNames, mostInline: Int64?
    ) {
        self.mostInline = mostInline
        self.store = store
        self.link = link
        self.temporaryNames = temporaryNames
    }

    /// - Parameters:
    ///   - input: what the drop box has as its input.
    ///   - pieces: the data of a write, ranges of `input`.
    func perform(
        _ request: StoreRequest, _ input: UnsafeRawBufferPointer, _ pieces: [Range<Int>]
    ) -> StoreAnswer {
        do {
            switch request {
            case .write(let slot, let offset, let count):
                try makeRoom(slot, count)
                try write(slot, input, pieces, at: offset, count)
                return .done
            case .stat(let path): return .node(try node(path))
            case .list(let path, let after): return try list(path, after: after)
            case .makeDirectory(let path): return try change(NameChange(.makeDirectory, path.text))
            case .removeDirectory(let path): return try change(NameChange(.removeDirectory, path.text))
            case .open(let order): return try open(order)
            case .begin(let slot, let kept): return try begin(slot, keeping: kept)
            case .leaveSequence(let slot):
                try leaveSequence(slot)
                return .done
            case .resize(let slot, let size):
                try resize(slot, to: size)
                return .done
            case .sync(let slot):
                try file(of: slot).sync()
                return .done
            case .finish(let order):
                let answer = try finish(order)
                if ProbeMarker.isMarker(order.path.text) { probes[order.path.text] = order.size }
                return answer
            case .keep(let order):
                keep(order)
                return .done
            case .discard(let slot):
                try discard(slot)
                return .done
            case .putBack(let slot):
                putBack(slot)
                return .done
            case .setAttributes(let path, let size, let modified):
                var wanted = NameChange(.setAttributes, path.text)
                wanted.size = size
                wanted.modified = modified
                return try change(wanted)
            case .rename(let order): return try rename(order)
            case .remove(let path, let slot): return try remove(path, open: slot)
            }
        } catch let failure as StoreError {
            return .failed(failure)
        } catch let error as SessionIPCError {
            return .failed(StoreError(.gone, error.text))
        } catch let error as StagingError {
            return .failed(failure(error, request))
        } catch {
            return .failed(
                StoreError(.other, "the gate could not do it; ask its owner to run dropgate doctor"))
        }
    }

    /// After a write: hashes what has become complete, from memory where it was not in order.
    func catchUp(_ slot: UploadSlot, to arrived: Int64) {
        guard case .file(let file)? = uploads[slot]?.bytes, file.hashed < arrived else { return }
        // What cannot be read back now fails when the upload is closed.
        try? file.catchUp(to: arrived, limit: Self.catchUpStep)
    }

    /// Seconds since the epoch.
    var now: Int64 { Instant.now().microseconds / 1_000_000 }

    /// The drop box asks for slots that it has opened.
    func upload(_ slot: UploadSlot) throws(StagingError) -> Open {
        guard let open = uploads[slot] else { throw StagingError(.failed, "no upload is open there") }
        return open
    }

    // MARK: The daemon's answers

    /// The answer that was wanted, or the failure that came in its place.
    func wanted<Answer>(
        _ message: SessionMessage, _ pick: (DaemonMessage) -> Answer?
    ) throws -> Answer {
        let answer = try link.ask(message)
        if let picked = pick(answer) { return picked }
        guard case .done(let done) = answer, let failure = done.failure else {
            throw SessionIPCError(description: "the daemon answered with something else")
        }
        throw StoreError(failure, done.message)
    }

    func change(_ wanted: NameChange) throws -> StoreAnswer {
        _ = try self.wanted(.change(wanted)) {
            if case .done(let done) = $0, done.failure == nil { done } else { nil }
        }
        return .done
    }

    // MARK: Space

    private func makeRoom(_ slot: UploadSlot, _ count: Int) throws {
        var open = try upload(slot)
        open.written += Int64(count)
        if open.written > open.room {
            let least = open.written - open.room
            let room = RoomRequest(drop: open.drop, bytes: max(Self.roomStep, least), least: least)
            open.room += try wanted(.room(room)) {
                if case .done(let done) = $0, done.failure == nil { done.bytes ?? 0 } else { nil }
            }
        }
        uploads[slot] = open
    }

    // MARK: Probes

    /// A name was removed: was it a probe's file?
    func probed(_ path: VirtualPath) {
        if let bytes = probes.removeValue(forKey: path.text) {
            link.tell(.probed(ProbeNotice(path: path.text, bytes: bytes)))
        }
    }

    // MARK: Failures

    private func failure(_ error: StagingError, _ request: StoreRequest) -> StoreError {
        let (operation, path) = describe(request)
        let subject = path.map { "\($0): " } ?? ""
        guard error.code == .full else {
            return StoreError(
                .other, "\(subject)the gate could not do it; ask its owner to run dropgate doctor")
        }
        let text =
            "\(subject)the gate's disk is full; nothing is accepted until the gate's owner has made room"
        link.tell(
            .refused(
                SessionRefusal(
                    reason: Reason.stagingFull.rawValue, operation: operation, path: path?.description ?? "",
                    message: text)))
        if case .write = request { return StoreError(.full, text) }
        return StoreError(.other, text)
    }

    private func describe(_ request: StoreRequest) -> (operation: String, path: VirtualPath?) {
        switch request {
        case .stat(let path): ("STAT", path)
        case .list(let path, _): ("OPENDIR", path)
        case .makeDirectory(let path): ("MKDIR", path)
        case .removeDirectory(let path): ("RMDIR", path)
        case .open(let order): ("OPEN", order.path)
        case .begin(let slot, _), .leaveSequence(let slot), .write(let slot, _, _): ("WRITE", path(slot))
        case .resize(let slot, _): ("FSETSTAT", path(slot))
        case .sync(let slot): ("fsync", path(slot))
        case .finish(let order): ("CLOSE", order.path)
        case .keep(let order): ("CLOSE", order.path)
        case .discard(let slot), .putBack(let slot): ("CLOSE", path(slot))
        case .setAttributes(let path, _, _): ("SETSTAT", path)
        case .rename(let order): ("RENAME", order.from)
        case .remove(let path, _): ("REMOVE", path)
        }
    }

    private func path(_ slot: UploadSlot) -> VirtualPath? {
        guard let text = uploads[slot]?.path else { return nil }
        return try? VirtualPath(sent: Array(text.utf8))
    }
}

extension StoreError {
    init(_ failure: ChangeAnswer.Failure, _ message: String?) {
        let code: Code =
            switch failure {
            case .absent: .absent
            case .exists: .exists
            case .denied: .denied
            case .full: .full
            case .failed: .other
            }
        self.init(code, message ?? "the gate could not do it; ask its owner to run dropgate doctor")
    }
}
