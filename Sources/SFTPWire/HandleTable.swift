// The open handles of a session: slots that are used again, each with a generation, so that a handle that
// was closed is never taken for a new one. It holds state and decides nothing.

/// An upload between OPEN and CLOSE.
struct Upload: Equatable, Sendable {
    enum Start: Equatable, Sendable {
        /// The bytes of this upload are those that were written since it was opened, or were kept by intent.
        case decided
        /// An earlier upload waits under the name. Only a first write at its end goes on with it.
        case partial(isWhole: Bool)
        /// A delivered file shows under the name. Only a first write at 0 begins another one.
        case delivered(bytes: Int64)
    }

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
    /// First bytes that are an earlier upload's, which this one goes on with. They count for as long as nothing is
    /// written over them.
    var kept: Int64 = 0
    /// The length that the client sees, in bytes; beyond the extents when it was set so.
    var size: Int64
    /// Every write has followed the one before it.
    var sequential = true
    /// OPEN asked for it: offsets are ignored.
    var appends = false
    /// What OPEN met under the name, for as long as nothing has decided what becomes of it.
    var start = Start.decided
    /// The client has asked, and was told, how many bytes of an earlier upload are there.
    var toldSize = false
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

/// A directory between OPENDIR and CLOSE. It holds no more of it than the next answer's names.
struct Listing: Equatable, Sendable {
    var path: VirtualPath
    /// Names that have been fetched and not been handed out.
    var entries: ArraySlice<DirectoryEntry>
    /// The last name that has been fetched; nil: none.
    var last: [UInt8]?
    var hasMore: Bool
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
    /// By slot: how many handles had been opened before.
    private var turns: [UInt64] = []
    private var opened: UInt64 = 0
    private(set) var count = 0

    var isFull: Bool { count >= WireLimit.openHandles }

    /// The slot that `insert` uses next. The caller has checked `isFull`.
    var freeSlot: Int { slots.firstIndex { $0 == nil } ?? slots.count }

    mutating func insert(_ handle: OpenHandle) -> HandleID {
        let slot = freeSlot
        if slot == slots.count {
            slots.append(handle)
            generations.append(1)
            turns.append(opened)
        } else {
            slots[slot] = handle
            generations[slot] &+= 1
            turns[slot] = opened
        }
        opened += 1
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

    func listing(_ slot: Int) -> Listing? {
        guard slot < slots.count, case .listing(let listing)? = slots[slot] else { return nil }
        return listing
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
            .max { turns[$0.slot] < turns[$1.slot] }?.slot
    }

    var uploads: [(slot: Int, upload: Upload)] {
        slots.indices.compactMap { slot in upload(slot).map { (slot, $0) } }
    }
}
