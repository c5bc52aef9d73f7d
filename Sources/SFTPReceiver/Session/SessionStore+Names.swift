// Looking at names, and changing those of uploads that nobody has open.
import SFTPWire
import Staging

extension SessionStore {
    func node(_ path: VirtualPath) throws(StagingError) -> Node? {
        if let modified = try store.directory(path.text) {
            return Node(kind: .directory, size: 0, modified: modified)
        }
        if let shown = try store.shown(path.text) {
            return Node(kind: .file, size: shown.bytes, modified: shown.modified)
        }
        guard let info = try store.find(path.text) else { return nil }
        return Node(kind: .file, size: info.bytes, modified: info.modified)
    }

    func list(_ path: VirtualPath) throws(StagingError) -> [DirectoryEntry] {
        let directories = try store.directories(in: path.text).map { name, modified in
            DirectoryEntry(
                name: Array(name.utf8), node: Node(kind: .directory, size: 0, modified: modified))
        }
        let uploads = try store.uploads(in: path.text).map { info in
            DirectoryEntry(
                name: Array(info.path.utf8.suffix(info.path.utf8.count - prefix(path))),
                node: Node(kind: .file, size: info.bytes, modified: info.modified))
        }
        let shown = try store.shown(in: path.text).map { name, bytes, modified in
            DirectoryEntry(name: Array(name.utf8), node: Node(kind: .file, size: bytes, modified: modified))
        }
        // The last of one name is the one that the drop box takes.
        return directories + uploads + shown
    }

    /// Bytes of a directory's path and its slash.
    private func prefix(_ directory: VirtualPath) -> Int {
        directory.isRoot ? 0 : directory.bytes.count + 1
    }

    func setAttributes(_ path: VirtualPath, size: Int64?, modified: Int64?) throws(StagingError)
        -> StoreAnswer
    {
        if let shown = try store.shown(path.text) {
            if let size, size != shown.bytes {
                let text = "\(path): it has been released; its size cannot change, send it again"
                refuse("forbidden_operation", "SETSTAT", path, text)
                return .failed(StoreFailure(.denied, text))
            }
            if let modified { try store.setShownTime(path.text, modified: modified) }
            return .done
        }
        guard let held = try store.acquire(path.text) else {
            guard try store.directory(path.text) != nil else { throw StagingError(.notFound, path.text) }
            return .done
        }
        if let size, size != held.info.bytes {
            guard size < held.info.bytes else {
                return .failed(StoreFailure(.other, "\(path): only writing makes an upload longer"))
            }
            let bytes = try store.resume(held, limit: size, modified: modified)
            try held.file.keep(bytes > 0 ? [0..<bytes] : [], modified: modified)
        } else if let modified {
            try held.file.setModified(modified)
        }
        return .done
    }

    func remove(_ path: VirtualPath, open slot: UploadSlot?) throws(StagingError) -> StoreAnswer {
        let wasShown = try store.hide(path.text)
        if let slot {
            try uploads.removeValue(forKey: slot)?.discard()
            return .done
        }
        if wasShown { return .done }
        guard let held = try store.acquire(path.text) else {
            guard try store.directory(path.text) == nil else {
                return .failed(StoreFailure(.other, "\(path): is a directory; RMDIR removes it"))
            }
            throw StagingError(.notFound, path.text)
        }
        try held.file.discard()
        return .done
    }
}
