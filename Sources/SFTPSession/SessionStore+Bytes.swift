// The bytes of an open upload: in memory while it is small, in its file from then on.
import Admission
import SFTPWire
import Staging

extension SessionStore {
    func write(
        _ slot: UploadSlot, _ input: UnsafeRawBufferPointer, _ pieces: [Range<Int>], at offset: Int64,
        _ count: Int
    ) throws(StagingError) {
        if let small = try small(slot, to: offset + Int64(count)) {
            small.write(input, pieces, at: offset)
        } else {
            try file(of: slot).write(input, pieces, at: offset)
        }
    }

    /// Before the first write that does not follow the last one.
    func leaveSequence(_ slot: UploadSlot) throws(StagingError) {
        switch try upload(slot).bytes {
        case .small(let small): small.isSequential = false
        case .file(let file): try file.leaveSequence()
        }
    }

    func resize(_ slot: UploadSlot, to size: Int64) throws(StagingError) {
        if let small = try small(slot, to: size) {
            small.resize(to: size)
        } else {
            try file(of: slot).resize(to: size)
        }
    }

    /// An upload that is small, and stays so when it reaches to `end`; nil for any other.
    func small(_ slot: UploadSlot, to end: Int64) throws(StagingError) -> SmallUpload? {
        guard case .small(let small) = try upload(slot).bytes, let mostInline, end <= mostInline,
            kept + small.growth(to: end) <= SessionIPC.mostKept
        else { return nil }
        return small
    }

    /// Bytes of all uploads of this session that are in memory.
    private var kept: Int64 {
        uploads.values.reduce(0) { sum, open in
            if case .small(let small) = open.bytes { sum + Int64(small.bytes.count) } else { sum }
        }
    }

    /// The file of an upload, which is one from here on.
    func file(of slot: UploadSlot) throws(StagingError) -> PartialFile {
        switch try upload(slot).bytes {
        case .file(let file): return file
        case .small(let small):
            let file = try store.create(small.path, drop: small.drop, modified: small.modified, now: .now())
            do throws(StagingError) {
                if !small.isSequential { try file.leaveSequence() }
                try file.write(small.bytes)
            } catch {
                try? file.discard()
                throw error
            }
            uploads[slot]?.bytes = .file(file)
            return file
        }
    }
}
