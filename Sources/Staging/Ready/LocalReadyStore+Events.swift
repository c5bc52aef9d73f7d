// Releases webhook events to `ready/webhook`. Many come together (`LocalReadyStore+Batches`); a few come one by one, and each
// appears exactly once even when the process or the machine dies at any point:
//
//   1. a directory `incoming/webhook/<drop>` gets every data file and receipt; syncfs
//   2. it is renamed to `<drop>.whole` (the point of no return) and the rename made durable
//   3. receipts, then data files, are moved out; fsync of the directories that changed
//
// After a crash a directory without `.whole` is thrown away (the events are still in the ledger's store), one
// with it is finished. A receipt is visible before its data file, so a consumer always finds it, and a pending
// drop that has a receipt is known to be released even if its file was consumed already.

extension LocalReadyStore {
    private static let whole = ".whole"

    package func release(_ events: [WebhookRelease], now: String) throws -> [(id: String, readyPath: String)]
    {
        try forEachDay(events) { events, name in
            guard let name, events.count >= Self.smallestBatch else {
                return try releaseSingly(events, now: now)
            }
            return try releaseDirectory(events, name, now: now)
        }
    }

    package func releaseTogether(
        _ events: [WebhookRelease], now: String
    ) throws -> [(id: String, readyPath: String)] {
        try forEachDay(events) { events, name in
            guard let name else { return try releaseSingly(events, now: now) }
            return try releaseLines(events, name, now: now)
        }
    }

    /// Events of one day after the other, and what they are called together.
    private func forEachDay(
        _ events: [WebhookRelease],
        _ release: (ArraySlice<WebhookRelease>, BatchName?) throws -> [(id: String, readyPath: String)]
    ) throws -> [(id: String, readyPath: String)] {
        var released: [(id: String, readyPath: String)] = []
        var left = events[...]
        while let first = left.first {
            let day = Self.day(of: first.readyPath)
            let events = left.prefix { Self.day(of: $0.readyPath) == day }
            released += try release(events, BatchName(first: first.receipt.drop, readyPath: first.readyPath))
            left = left[events.endIndex...]
        }
        return released
    }

    private static func day(of readyPath: String) -> Substring {
        readyPath[..<(readyPath.utf8.lastIndex(of: UInt8(ascii: "/")) ?? readyPath.startIndex)]
    }

    private func releaseSingly(
        _ events: ArraySlice<WebhookRelease>, now: String
    ) throws -> [(id: String, readyPath: String)] {
        guard let first = events.first else { return [] }
        let batch = try emptyBatch(first.receipt.drop)
        for event in events {
            let receipt = event.receipt.released(at: event.readyPath, now: now)
            try newFile(Self.dataName(event.readyPath), in: batch).write(event.body)
            try newFile(StagingLayout.receipt(receipt.drop), in: batch).write(receipt.encoded())
        }
        try finish(batch, named: first.receipt.drop)
        return events.map { ($0.receipt.drop, $0.readyPath) }
    }

    package func recover() throws {
        let batches = try self.batches.made()
        for name in try batches.names() {
            if try recoverBatch(name) { continue }
            guard try batches.status(name)?.isDirectory == true else {
                // Receipts of a batch that were not published.
                try batches.remove(name)
                continue
            }
            let batch = try batches.subdirectory(name)
            if name.hasSuffix(Self.whole) {
                try moveOut(batch)
            } else {
                for file in try batch.names() { try batch.remove(file) }
            }
            try batches.removeDirectory(name)
        }
        try batches.sync()
    }

    private func finish(_ batch: Directory, named name: String) throws {
        try batch.syncFilesystem()
        let batches = try self.batches.made()
        try batches.move(name, to: batches, as: name + Self.whole)
        try batches.sync()
        try moveOut(batch)
        try batches.removeDirectory(name + Self.whole)
    }

    /// Moves receipts, then data files, to where consumers look. Can be repeated from any point.
    private func moveOut(_ batch: Directory) throws {
        let names = try batch.names()
        let receipts = try self.receipts.made()
        for name in names where !name.hasPrefix(Self.dataPrefix) {
            try batch.replace(name, to: receipts, as: name)
        }
        try receipts.sync()
        var changed: [String: Directory] = [:]
        for name in names where name.hasPrefix(Self.dataPrefix) {
            let readyPath = Self.readyPath(dataName: name)
            let day = readyPath.split(separator: "/").dropLast().joined(separator: "/")
            let directory =
                try changed[day]
                ?? place(day.split(separator: "/").map(String.init))
            changed[day] = directory
            try moveKeeping(
                name, of: batch, to: directory, as: String(readyPath.dropFirst(day.utf8.count + 1)))
        }
        for directory in changed.values { try directory.sync() }
        if !changed.isEmpty { try ready.subdirectory(StagingLayout.webhook).sync() }
    }

    /// Names of events never meet (their times rise strictly); should something else lie there, it stays.
    private func moveKeeping(
        _ name: String, of batch: Directory, to directory: Directory, as newName: String
    ) throws(StagingError) {
        for version in 1... {
            do {
                return try batch.move(
                    name, to: directory, as: VersionName.path(newName, version: version))
            } catch  where error.code == .exists && version < 100 {
                continue
            }
        }
    }

    // A data file in a batch carries its path under `ready/` in its name, `/` written as `:`. Webhook paths
    // are made by Intake from a day, a time, a type and an id, and hold no `:`.
    private static let dataPrefix = "data:"

    private static func dataName(_ readyPath: String) -> String {
        dataPrefix + readyPath.split(separator: "/").joined(separator: ":")
    }

    private static func readyPath(dataName: String) -> String {
        dataName.dropFirst(dataPrefix.utf8.count).split(separator: ":").joined(separator: "/")
    }
}
