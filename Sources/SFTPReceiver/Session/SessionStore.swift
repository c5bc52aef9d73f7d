// Carries out what the drop box asks: file work through Staging's PartialStore, releases through the link.
// It knows no protocol; texts for the client name paths as the client knows them, never the gate's own.
import Admission
import SFTPWire
import Staging

/// Not for several threads.
final class SessionStore {
    struct Terms {
        var reserveBytes: Int64
        var reserveInodes: Int64
    }

    let store: PartialStore
    let link: LinkClient
    private let terms: Terms
    var uploads: [UploadSlot: PartialFile] = [:]
    /// Bytes of the probes that this session has sent whole, by path.
    private var probes: [String: Int64] = [:]
    private var lastMilliseconds: Int64 = 0
    private var unchecked: Int64 = 0
    private var releases = 0

    /// Bytes written between two looks at the free space.
    private static let spaceStep: Int64 = 64 * 1024 * 1024
    /// Released files after which older marks are forgotten, and how old they are then, in seconds.
    private static let shownStep = 4096
    private static let shownAge: Int64 = 3600
    /// Bytes that one write may cause to be read back for the digest.
    private static let catchUpStep: Int64 = 4 * 1024 * 1024

    init(store: PartialStore, link: LinkClient, terms: Terms) {
        self.store = store
        self.link = link
        self.terms = terms
    }

    /// - Parameters:
    ///   - input: what the drop box has as its input.
    ///   - pieces: the data of a write, ranges of `input`.
    func perform(
        _ request: StoreRequest, _ input: UnsafeRawBufferPointer, _ pieces: [Range<Int>]
    ) -> StoreAnswer {
        do throws(StagingError) {
            switch request {
            case .write(let slot, let offset, let count):
                try checkSpace(count)
                try upload(slot).write(input, pieces, at: offset)
                return .done
            case .stat(let path): return .node(try node(path))
            case .list(let path): return .listing(try list(path), now: now)
            case .makeDirectory(let path):
                try checkReserve()
                try store.makeDirectory(path.text)
                return .done
            case .removeDirectory(let path):
                try store.removeDirectory(path.text)
                return .done
            case .open(let order): return try open(order)
            case .leaveSequence(let slot):
                try upload(slot).leaveSequence()
                return .done
            case .resize(let slot, let size):
                try upload(slot).resize(to: size)
                return .done
            case .sync(let slot):
                try upload(slot).sync()
                return .done
            case .finish(let order):
                let answer = try finish(order)
                if ProbeMarker.isMarker(order.path.text) { probes[order.path.text] = order.size }
                return answer
            case .keep(let order):
                keep(order)
                return .done
            case .discard(let slot):
                try uploads.removeValue(forKey: slot)?.discard()
                return .done
            case .setAttributes(let path, let size, let modified):
                return try setAttributes(path, size: size, modified: modified)
            case .rename(let order): return try rename(order)
            case .remove(let path, let slot):
                let answer = try remove(path, open: slot)
                if answer == .done, let bytes = probes.removeValue(forKey: path.text) {
                    link.tell(.probed(LinkProbed(path: path.text, bytes: bytes)))
                }
                return answer
            }
        } catch {
            return .failed(failure(error, request))
        }
    }

    /// After a write: hashes what has become complete, from memory where it was not in order.
    func catchUp(_ slot: UploadSlot, to arrived: Int64) {
        guard let file = uploads[slot], file.hashed < arrived else { return }
        // What cannot be read back now fails when the upload is closed.
        try? file.catchUp(to: arrived, limit: Self.catchUpStep)
    }

    /// Seconds since the epoch.
    var now: Int64 { Instant.now().microseconds / 1_000_000 }

    /// The drop box asks for slots that it has opened.
    func upload(_ slot: UploadSlot) throws(StagingError) -> PartialFile {
        guard let file = uploads[slot] else { throw StagingError(.failed, "no upload is open there") }
        return file
    }

    /// Drop ids of one session sort by the order in which they were made.
    func makeDrop(_ now: Instant) -> String {
        lastMilliseconds = max(now.microseconds / 1000, lastMilliseconds + 1)
        return DropID.make(milliseconds: lastMilliseconds)
    }

    /// A file has been released: its sender goes on seeing it. What cannot be shown is released all the same.
    func show(_ path: VirtualPath, size: Int64, modified: Int64?) {
        try? store.show(path.text, bytes: size, modified: modified)
        releases += 1
        if releases % Self.shownStep == 0 { try? store.forgetShown(changedBefore: now - Self.shownAge) }
    }

    // MARK: Space

    func checkReserve() throws(StagingError) {
        let space = try store.space()
        if space.bytes < terms.reserveBytes {
            throw StagingError(.full, "\(space.bytes) bytes are free, \(terms.reserveBytes) are kept back")
        }
        if space.inodes < terms.reserveInodes {
            throw StagingError(.full, "\(space.inodes) inodes are free, \(terms.reserveInodes) are kept back")
        }
    }

    private func checkSpace(_ count: Int) throws(StagingError) {
        unchecked += Int64(count)
        guard unchecked >= Self.spaceStep else { return }
        unchecked = 0
        try checkReserve()
    }

    // MARK: Failures

    private func failure(_ error: StagingError, _ request: StoreRequest) -> StoreFailure {
        let (operation, path) = describe(request)
        let subject = path.map { "\($0): " } ?? ""
        switch error.code {
        case .notFound: return StoreFailure(.absent, "\(subject)no such file or directory")
        case .exists: return StoreFailure(.exists, "\(subject)exists already, or is not empty")
        case .badPath: return StoreFailure(.other, "\(subject)not a directory")
        case .failed:
            return StoreFailure(
                .other, "\(subject)the gate could not do it; ask its owner to run dropgate doctor")
        case .full:
            let text = "\(subject)the gate's disk is full; nothing is taken until its owner has made space"
            refuse("staging_full", operation, path, "\(text) (\(error.description))")
            if case .write = request { return StoreFailure(.full, text) }
            return StoreFailure(.other, text)
        }
    }

    func refuse(_ reason: String, _ operation: String, _ path: VirtualPath?, _ message: String) {
        link.tell(
            .refused(
                LinkRefused(
                    reason: reason, operation: operation, path: path?.description ?? "", message: message)))
    }

    private func describe(_ request: StoreRequest) -> (operation: String, path: VirtualPath?) {
        switch request {
        case .stat(let path): ("STAT", path)
        case .list(let path): ("OPENDIR", path)
        case .makeDirectory(let path): ("MKDIR", path)
        case .removeDirectory(let path): ("RMDIR", path)
        case .open(let order): ("OPEN", order.path)
        case .leaveSequence(let slot), .write(let slot, _, _): ("WRITE", path(slot))
        case .resize(let slot, _): ("FSETSTAT", path(slot))
        case .sync(let slot): ("fsync", path(slot))
        case .finish(let order): ("CLOSE", order.path)
        case .keep(let order): ("CLOSE", order.path)
        case .discard(let slot): ("CLOSE", path(slot))
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
