// The open handles of a session: slots that are used again, each with a generation, so that a handle that
// was closed is never taken for a new one. It holds state and decides nothing.

/// An upload between OPEN and CLOSE.
struct Upload: Equatable, Sendable {
    enum Condition: Equatable, Sendable {
        case good
        /// A write failed, so bytes may be missing although no gap shows. CLOSE fails, the rest is kept.
        case broken(String)
        /// Nothing is kept any more: too large. The store has discarded it.
        case refused(String)
        /// The client removed it while it was open. The store has discarded it; CLOSE is fine.
        case removed
    }
    var path: VirtualPath
    var extents: Extents
    /// The length that the client sees, in bytes; beyond the extents when it was set so.
    var size: Int64
    /// Every write has followed the one before it.
    var sequential = true
    /// OPEN asked for it: offsets are ignored.
    var appends = false
    /// OPEN met a released name without truncating it; if nothing follows, there is nothing to release.
    var reopened = false
    var touched = false
    var modified: Int64?
    /// Seconds since the epoch.
    var opened: Int64
    var condition = Condition.good

    var node: Node { Node(kind: .file, size: size, modified: modified ?? opened) }

    /// The store still holds a file for it.
    var isStored: Bool {
        switch condition {
        case .good, .broken: true
        case .refused, .removed: false
        }
    }
}

/// A directory between OPENDIR and CLOSE: a snapshot, handed out in pieces.
struct Listing: Equatable, Sendable {
    var entries: [DirectoryEntry]
    var position = 0
    var directory: Node
    var now: Int64
}

enum OpenHandle: Equatable, Sendable {
    case upload(Upload)
    case listing(Listing)
    /// A file of a collection, as it was when it was opened.
    case reading(Node)
}

struct HandleTable: Sendable {
    private var slots: [OpenHandle?] = []
    private var generations: [UInt32] = []
    private(set) var count = 0

    var isFull: Bool { count >= WireLimit.openHandles }

    /// The slot that `insert` uses next. The caller has checked `isFull`.
    var freeSlot: Int { slots.firstIndex { $0 == nil } ?? slots.count }

    mutating func insert(_ handle: OpenHandle) -> HandleID {
        let slot = freeSlot
        if slot == slots.count {
            slots.append(handle)
            generations.append(1)
        } else {
            slots[slot] = handle
            generations[slot] &+= 1
        }
        count += 1
        return HandleID(slot: UInt32(slot), generation: generations[slot])
    }

    mutating func remove(_ slot: Int) {
        guard slots[slot] != nil else { return }
        slots[slot] = nil
        count -= 1
    }

    func slot(of id: HandleID?) -> Int? {
        guard let id, let slot = Int(exactly: id.slot), slot < slots.count, slots[slot] != nil,
            generations[slot] == id.generation
        else { return nil }
        return slot
    }

    func upload(_ slot: Int) -> Upload? {
        guard slot < slots.count, case .upload(let upload)? = slots[slot] else { return nil }
        return upload
    }

    func reading(_ slot: Int) -> Node? {
        guard slot < slots.count, case .reading(let node)? = slots[slot] else { return nil }
        return node
    }

    var readings: [Int] { slots.indices.filter { reading($0) != nil } }

    /// What FSTAT says.
    func node(_ slot: Int) -> Node? {
        guard slot < slots.count else { return nil }
        return switch slots[slot] {
        case .upload(let upload)?: upload.node
        case .listing(let listing)?: listing.directory
        case .reading(let node)?: node
        case nil: nil
        }
    }

    /// Changes an upload where it stands; nothing happens if the slot holds none.
    mutating func withUpload(_ slot: Int, _ change: (inout Upload) -> Void) {
        guard slot < slots.count, case .upload(var upload)? = slots[slot] else { return }
        slots[slot] = nil  // so that the extents are not copied
        change(&upload)
        slots[slot] = .upload(upload)
    }

    mutating func withListing<Result>(_ slot: Int, _ change: (inout Listing) -> Result) -> Result? {
        guard slot < slots.count, case .listing(var listing)? = slots[slot] else { return nil }
        slots[slot] = nil
        defer { slots[slot] = .listing(listing) }
        return change(&listing)
    }

    /// The stored upload that was opened last under `path`.
    func openUpload(at path: VirtualPath) -> Int? {
        uploads.filter { $0.upload.path == path && $0.upload.isStored }
            .max { $0.upload.opened < $1.upload.opened }?.slot
    }

    var uploads: [(slot: Int, upload: Upload)] {
        slots.indices.compactMap { slot in upload(slot).map { (slot, $0) } }
    }
}
