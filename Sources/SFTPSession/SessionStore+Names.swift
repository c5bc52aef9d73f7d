// Looking at names and changing them: questions for the daemon.
import SFTPWire
import Staging

extension SessionStore {
    func node(_ path: VirtualPath) throws -> Node? {
        try names(NameQuestion(about: .name, path: path.text)).entries.first.map(Node.init)
    }

    func list(_ path: VirtualPath, after name: [UInt8]?) throws -> StoreAnswer {
        let page = try names(
            NameQuestion(
                about: .directory, path: path.text, after: name.map { String(decoding: $0, as: UTF8.self) }))
        return .listing(
            page.entries.map { DirectoryEntry(name: Array($0.name.utf8), node: Node($0)) },
            hasMore: page.hasMore,
            now: now)
    }

    private func names(_ question: NameQuestion) throws -> NameAnswer {
        try wanted(.names(question)) { if case .names(let names) = $0 { names } else { nil } }
    }

    func rename(_ order: RenameOrder) throws -> StoreAnswer {
        var wanted = NameChange(.rename, order.from.text)
        wanted.to = order.to.text
        wanted.replaces = order.replace
        guard let slot = order.slot else { return try change(wanted) }
        wanted.open = try upload(slot).drop
        let answer = try change(wanted)
        switch try upload(slot).bytes {
        case .small(let small): small.path = order.to.text
        case .file(let file): try file.rename(to: order.to.text)
        }
        return answer
    }

    func remove(_ path: VirtualPath, open slot: UploadSlot?) throws -> StoreAnswer {
        var wanted = NameChange(.remove, path.text)
        if let slot {
            let open = try upload(slot)
            uploads[slot] = nil
            if open.earlier == nil {
                wanted.open = open.drop
                if case .file(let file) = open.bytes { try file.discard() }
            } else {
                putBack(open)
            }
        }
        let answer = try change(wanted)
        probed(path)
        return answer
    }
}

extension Node {
    init(_ entry: NameAnswer.Entry) {
        self.init(
            kind: entry.isDirectory ? .directory : .file, size: entry.bytes, modified: entry.modified)
    }
}
