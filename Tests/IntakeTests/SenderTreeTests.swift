// An account's tree against the plainest thing that could be right: a list of folders and a list of items.
import Staging
import Support
import Testing

@testable import Intake

@Suite struct SenderTreeTests {
    /// Everything is searched for anew each time.
    private struct Model {
        var folders: [DropPath: Int64] = [.root: 0]
        var items: [(item: SenderItem, path: DropPath)] = []

        mutating func insert(folder path: DropPath, _ modified: Int64) {
            guard folders[path] == nil else { return }
            if !path.isRoot { insert(folder: path.parent, modified) }
            folders[path] = modified
        }

        mutating func insert(_ item: SenderItem, _ path: DropPath) {
            items.removeAll { $0.item.drop == item.drop }
            insert(folder: path.parent, item.modified)
            if case .waiting = item.standing { items.removeAll { $0.item.standing == item.standing } }
            items.append((item, path))
        }

        mutating func move(folder path: DropPath, to other: DropPath) {
            let inside = folders.filter { $0.key == path || $0.key.isInside(path) }
            insert(folder: other.parent, inside[path] ?? 0)
            for (folder, modified) in inside {
                folders[folder] = nil
                folders[folder.moved(from: path, to: other)] = modified
            }
            for index in items.indices where items[index].path.isInside(path) {
                items[index].path = items[index].path.moved(from: path, to: other)
            }
        }

        func items(_ path: DropPath) -> [SenderItem] {
            items.filter { $0.path == path }.map(\.item).sorted { $0.drop < $1.drop }
        }

        func names(in folder: DropPath) -> [[UInt8]] {
            Set((Array(folders.keys) + items.map(\.path)).filter { !$0.isRoot && $0.parent == folder })
                .sorted().map(\.name)
        }

        func fileAbove(_ path: DropPath) -> DropPath? {
            guard !path.parent.isRoot else { return nil }
            let isFile = folders[path.parent] == nil && items(path.parent).contains { !$0.isWritten }
            return isFile ? path.parent : fileAbove(path.parent)
        }
    }

    private var random: SplitMix
    private var tree = SenderTree()
    private var model = Model()
    private var lastDrop: Int64 = 0
    private let paths: [DropPath]

    init() {
        let names = ["a", "a-", "b", "é"]
        let deep = names.flatMap { first in
            [first]
                + names.flatMap { second in ["\(first)/\(second)"] + names.map { "\(first)/\(second)/\($0)" }
                }
        }
        paths = deep.compactMap { DropPath($0) }
        random = SplitMix(seed: 0)
    }

    private mutating func item() -> SenderItem {
        lastDrop += 1
        var item = SenderItem(
            drop: DropID.make(milliseconds: lastDrop, using: &random),
            bytes: Int64.random(in: 0...100, using: &random),
            modified: Int64.random(in: 1...1000, using: &random), standing: .settling)
        change(&item)
        return item
    }

    private mutating func change(_ item: inout SenderItem) {
        item.bytes = Int64.random(in: 0...100, using: &random)
        item.standing =
            switch Int.random(in: 0..<4, using: &random) {
            case 0: .writing(session: 1)
            case 1: .partial(isWhole: Bool.random(using: &random))
            case 2: .settling
            default: .waiting(readyPath: "sftp/acme/\(Int.random(in: 0..<5, using: &random))")
            }
    }

    private mutating func somePath() -> DropPath { paths.randomElement(using: &random) ?? .root }

    private mutating func someDrop() -> String {
        model.items.randomElement(using: &random)?.item.drop ?? "none"
    }

    private mutating func step() {
        let path = somePath()
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<4:
            let item = item()
            tree.insert(item, at: path)
            model.insert(item, path)
        case 4:
            let drop = someDrop()
            let removed = tree.remove(drop)
            #expect(removed == model.items.first { $0.item.drop == drop }?.item)
            model.items.removeAll { $0.item.drop == drop }
        case 5..<7:
            let drop = someDrop()
            tree.move(drop, to: path)
            if let found = model.items.first(where: { $0.item.drop == drop }) {
                model.insert(found.item, path)
            }
        case 7:
            guard var found = model.items.randomElement(using: &random) else { return }
            change(&found.item)
            tree.update(found.item.drop) { $0 = found.item }
            model.insert(found.item, found.path)
        case 8:
            let modified = Int64.random(in: 1...1000, using: &random)
            tree.insert(folder: path, modified: modified)
            model.insert(folder: path, modified)
        case 9..<11:
            guard model.names(in: path).isEmpty else { return }
            tree.remove(folder: path)
            model.folders[path] = nil
        default:
            let other = somePath()
            guard model.folders[path] != nil, model.folders[other] == nil, model.items(other).isEmpty,
                !other.isInside(path)
            else { return }
            tree.move(folder: path, to: other)
            model.move(folder: path, to: other)
        }
    }

    private func check() {
        #expect(tree.bytes == model.items.reduce(0) { $0 + $1.item.bytes })
        #expect(tree.names == model.folders.count - 1 + model.items.count)
        #expect(Set(tree.drops) == Set(model.items.map(\.item.drop)))
        for (item, path) in model.items {
            #expect(tree.path(of: item.drop) == path && tree.item(item.drop) == item)
        }
        let waiting = model.items.compactMap { item, _ in
            if case .waiting(let readyPath) = item.standing { readyPath } else { nil }
        }
        #expect(Set(waiting).count == waiting.count, "one place holds one file")
        for path in paths + [.root] {
            #expect(tree.items(path) == model.items(path))
            #expect(tree.isFolder(path) == (model.folders[path] != nil))
            #expect(tree.modified(folder: path) == model.folders[path])
            #expect(tree.fileAbove(path) == model.fileAbove(path))
            guard tree.isFolder(path) else { continue }
            let names = model.names(in: path)
            #expect(pages(path) == names && tree.isEmpty(folder: path) == names.isEmpty)
            let files = tree.files(inside: path)
            #expect(Set(files) == Set(model.items.map(\.path).filter { $0.isInside(path) }))
            #expect(Set(files).count == files.count)
        }
    }

    /// All names, two at a time.
    private func pages(_ folder: DropPath) -> [[UInt8]] {
        var names: [[UInt8]] = []
        while true {
            let page = tree.names(in: folder, after: names.last, limit: 2)
            if page.isEmpty { return names }
            names += page
        }
    }

    @Test(arguments: 0..<25) func behavesLikeTwoLists(_ seed: Int) {
        var test = self
        test.random = SplitMix(seed: UInt64(seed))
        for _ in 0..<60 {
            test.step()
            test.check()
        }
    }

    @Test func namesGoOnAfterOneThatIsGone() throws {
        var tree = SenderTree()
        for name in ["a", "c", "e"] { tree.insert(folder: try #require(DropPath(name)), modified: 1) }
        #expect(
            tree.names(in: .root, after: Array("b".utf8), limit: 9) == [Array("c".utf8), Array("e".utf8)])
        #expect(tree.names(in: .root, after: Array("e".utf8), limit: 9).isEmpty)
        #expect(tree.names(in: try #require(DropPath("none")), after: nil, limit: 9).isEmpty)
    }

    @Test func emptyDirectoriesAreFoundByWhenTheyWereUsedLast() throws {
        var tree = SenderTree()
        func path(_ text: String) throws -> DropPath { try #require(DropPath(text)) }
        for name in ["c", "c/in", "full"] { tree.insert(folder: try path(name), modified: 1) }
        for name in ["b", "a"] { tree.insert(folder: try path(name), modified: 2) }
        tree.insert(folder: try path("new"), modified: 9)
        let item = SenderItem(drop: "1", bytes: 1, modified: 1, standing: .settling)
        tree.insert(item, at: try path("full/file"))
        let empty = { (tree: SenderTree) in tree.emptyFolders(unusedSince: 9).map(\.text) }
        #expect(empty(tree) == ["c/in", "a", "b"])
        tree.use(folder: try path("a"), at: 5)
        tree.use(folder: try path("a"), at: 3)
        tree.use(folder: try path("b"), at: 9)
        tree.remove(folder: try path("c/in"))
        #expect(empty(tree) == ["c", "a"])
        tree.move(folder: try path("a"), to: try path("z"))
        tree.remove("1")
        #expect(empty(tree) == ["c", "full", "z"])
    }

    @Test func itemsAreOldestFirstWhateverTheOrderInWhichTheyCome() throws {
        var tree = SenderTree()
        let path = try #require(DropPath("a"))
        for order in [3, 1, 2] as [Int64] {
            let drop = DropID.make(milliseconds: order)
            tree.insert(SenderItem(drop: drop, bytes: order, modified: 1, standing: .settling), at: path)
        }
        #expect(tree.items(path).map(\.bytes) == [1, 2, 3])
        #expect(tree.names == 3 && tree.bytes == 6)
    }
}
