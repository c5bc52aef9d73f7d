// The bytes of an open upload: in memory while it is small, in its file from then on.
import Admission
import SFTPWire
import Staging

extension SessionStore {
    func write(
        _ slot: UploadSlot, _ input: UnsafeRawBufferPointer, _ pieces: [Range<Int>], at offset: Int64,
        _ count: Int
    ) throws(StagingError) {
        if case .small(var small) = try upload(slot).bytes, SmallUpload.takes(offset + Int64(count)),
            kept + count <= SessionIPC.mostKept
        {
            // Else the array would be copied with each write.
            uploads[slot]?.bytes = .small(
                SmallUpload(drop: small.drop, path: small.path, modified: small.modified))
            small.write(input, pieces, at: offset)
            uploads[slot]?.bytes = .small(small)
        } else {
            try file(of: slot).write(input, pieces, at: offset)
        }
    }

    /// Before the first write that does not follow the last one.
    func leaveSequence(_ slot: UploadSlot) throws(StagingError) {
        switch try upload(slot).bytes {
        case .small(var small):
            small.isSequential = false
            uploads[slot]?.bytes = .small(small)
        case .file(let file): try file.leaveSequence()
        }
    }

    func resize(_ slot: UploadSlot, to size: Int64) throws(StagingError) {
        if case .small(var small) = try upload(slot).bytes, SmallUpload.takes(size),
            kept + Int(size) <= SessionIPC.mostKept
        {
            small.resize(to: size)
            uploads[slot]?.bytes = .small(small)
        } else {
            try file(of: slot).resize(to: size)
        }
    }

    /// Bytes of all uploads of this session that are in memory.
    private var kept: Int {
        uploads.values.reduce(0) { sum, open in
            if case .small(let small) = open.bytes { sum + small.bytes.count } else { sum }
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
