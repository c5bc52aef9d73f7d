// All that lies in `ready/`: what the gate has released, and what others have put there.

extension LocalReadyStore {
    package func forEachFound(below root: String, _ body: (FoundInReady) throws -> Void) throws {
        let start: Directory
        do throws(StagingError) {
            start = try ready.subdirectory(root.split(separator: "/").map(String.init))
        } catch {
            // Nothing was released there yet.
            guard error.code == .notFound else { throw error }
            return
        }
        try look(into: start, try start.names(), root, body)
    }

    private func look(
        into directory: Directory, _ names: [String], _ path: String, _ body: (FoundInReady) throws -> Void
    ) throws {
        let isDeepest = path.utf8.count(where: { $0 == UInt8(ascii: "/") }) >= StagingLayout.deepest
        for name in names {
            switch try entry(name, in: directory, mayDescend: !isDeepest) {
            case .directory(let below, let names): try look(into: below, names, "\(path)\(name)/", body)
            case .found(let kind): try body(FoundInReady(path: path + name, kind: kind))
            case .gone: break
            }
        }
    }

    private enum Entry {
        case directory(Directory, names: [String])
        case found(FoundInReady.Kind)
        /// Taken meanwhile.
        case gone
    }

    /// Follows no link. What consumers have closed, or have removed meanwhile, keeps nothing beside it from being found.
    private func entry(
        _ name: String, in directory: Directory, mayDescend: Bool
    ) throws(StagingError) -> Entry {
        do throws(StagingError) {
            guard let status = try directory.status(name) else {
                return FoundInReady.isRepaired(name) ? .found(.other) : .gone
            }
            guard status.isDirectory else { return .found(status.isRegular ? .regularFile : .other) }
            guard mayDescend else { return .found(.other) }
            let below = try directory.subdirectory(name)
            return .directory(below, names: try below.names())
        } catch {
            if error.code == .notFound { return .gone }
            guard error.needsMending else { throw error }
            return .found(.closed(error))
        }
    }
}
