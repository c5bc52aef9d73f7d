// RENAME of a directory: each file in it gets its new name by itself, as the ledger tells of them. So it can stop halfway, and
// whoever asked for it can go on; and in between there is a turn for whoever waits for the account's box.
import Admission
import Ledger
import Staging
import Synchronization

extension Intake {
    /// So many files get their new names in one turn. A directory may have thousands, and a CLOSE in another session is not to wait for
    /// them all: its client would give it up.
    static let filesOfATurn = 50

    /// File by file, each with an entry. On the way there are both directories, on the disk and in the tree. Wherever it stops, a
    /// file is in the one that the ledger or its sidecar says, and the same request goes on with the rest.
    /// - Parameter begun: what an earlier one has left.
    func renameFolder(
        _ order: SenderRename, goingOnWith begun: SenderBox.UnfinishedRename?, _ attempt: Attempt,
        _ session: SenderSession
    ) async throws(SenderError) {
        let box = session.box
        let files = box.state.withLock { state in
            for file in state.tree.files(inside: order.from) { forgetTaken(in: &state, box, at: file) }
            return state.tree.files(inside: order.from)
        }
        let folders = try check(files, order, box)
        try makeFolders(folders, order, box)
        var rename = SenderBox.UnfinishedRename(from: order.from, to: order.to, done: begun?.done ?? 0)
        var left = files[...]
        var tried: Set<Placed> = []
        var ofThisTurn = 0
        do throws(SenderError) {
            while let file = left.first {
                if ofThisTurn == Self.filesOfATurn {
                    try await giveWay(rename, order, box)
                    ofThisTurn = 0
                }
                ofThisTurn += 1
                let part = SenderRename(
                    from: file, to: file.moved(from: order.from, to: order.to), replaces: false, open: nil)
                try session.checkAuthority()
                tried.formUnion(box.state.withLock { Self.placed(file, in: $0) })
                if try await renameInFolder(part, attempt, session) { rename.done += 1 }
                left.removeFirst()
                if left.isEmpty { left = try arrivals(order, tried, box)[...] }
            }
        } catch {
            throw halfway(rename, left: left.count, error, box)
        }
        box.state.withLock { moveFolders(order, in: &$0, box) }
        // Files may have these names next.
        staging.ready.removeEmptyDirectories(folders.map { Self.readyRoot(box.account) + $0.text })
    }

    /// Lets whoever waits for the box have a turn. Throws where one of the two directories was taken away in it. They are looked at
    /// themselves: what is noted of this rename may be forgotten meanwhile, when there are many.
    private func giveWay(
        _ rename: SenderBox.UnfinishedRename, _ order: SenderRename, _ box: SenderBox
    ) async throws(SenderError) {
        // What is released in between could not be renamed with the others.
        guard configuration.afterRelease == .change, box.lock.waiters > 0 else { return }
        box.state.withLock { _ = $0.stop(rename, at: now) }
        await box.lock.giveWay()
        guard box.state.withLock({ $0.tree.isFolder(order.from) && $0.tree.isFolder(order.to) }) else {
            throw SenderError(
                .failed, .forbiddenOperation,
                "one of the two directories was renamed or removed by another session meanwhile")
        }
    }

    /// A file under the name that it has in the directory: while others have their turn, it may get another one there.
    private struct Placed: Hashable {
        let path: DropPath
        let drop: String
    }

    private static func placed(_ file: DropPath, in state: SenderBox.State) -> [Placed] {
        state.tree.items(file).filter { !$0.isWritten }.map { Placed(path: file, drop: $0.drop) }
    }

    /// Files that came into the directory while others had their turn, or got another name in it. Directories that did are made under
    /// the new name.
    /// - Parameter tried: what was renamed, or could not be.
    private func arrivals(
        _ order: SenderRename, _ tried: Set<Placed>, _ box: SenderBox
    ) throws(SenderError) -> [DropPath] {
        let (new, folders) = box.state.withLock { state in
            (
                state.tree.files(inside: order.from).filter { file in
                    !tried.isSuperset(of: Self.placed(file, in: state))
                },
                [order.from] + state.tree.folders(inside: order.from)
            )
        }
        try makeFolders(folders, order, box)
        return new
    }

    /// Makes the directories of the new name that are not there yet: all of them, or none where one is a file, which another session may
    /// still be writing.
    private func makeFolders(
        _ folders: [DropPath], _ order: SenderRename, _ box: SenderBox
    ) throws(SenderError) {
        let failure = box.state.withLock { state -> SenderError? in
            let new = folders.map { $0.moved(from: order.from, to: order.to) }.filter {
                !state.tree.isFolder($0)
            }
            if let taken = new.first(where: { isFile($0, in: &state, box) }) {
                return SenderError(.exists, .forbiddenOperation, "\(taken): there is a file of that name")
            }
            do throws(StagingError) {
                for folder in new { try box.files.makeDirectory(folder) }
            } catch {
                for folder in new.reversed() { try? box.files.removeDirectory(folder) }
                return refusal(error, order.from)
            }
            for folder in new { state.tree.insert(folder: folder, modified: now.microseconds / 1_000_000) }
            return nil
        }
        if let failure { throw failure }
    }

    /// The last step: the old directories go. What was made or begun in them meanwhile, which waits for no lock, goes with them.
    /// Where the disk does not do it, an empty directory is left or missing after the next start.
    private func moveFolders(_ order: SenderRename, in state: inout SenderBox.State, _ box: SenderBox) {
        let old = [order.from] + state.tree.folders(inside: order.from)
        for folder in old {
            let new = folder.moved(from: order.from, to: order.to)
            if !state.tree.isFolder(new) { try? box.files.makeDirectory(new) }
        }
        state.tree.move(folder: order.from, to: order.to)
        for folder in old.reversed() { try? box.files.removeDirectory(folder) }
    }

    private func halfway(
        _ rename: SenderBox.UnfinishedRename, left: Int, _ error: SenderError, _ box: SenderBox
    ) -> SenderError {
        let goesOn = box.state.withLock { $0.stop(rename, at: now) }
        // These say of one file that nothing was changed.
        let why =
            switch error.reason {
            case .ledgerFailed?: "the gate's ledger cannot be written"
            case .rateLimited?: "too much waits to be written"
            default: error.message
            }
        return SenderError(
            error.kind, error.reason,
            "\(rename.from): \(rename.done) of \(rename.done + left) files in it are in \(rename.to) by now: \(why)"
                + (goesOn ? "; send the same RENAME again to continue with the others" : ""))
    }

    /// Nothing is begun that is known to fail. Returns the directory and all directories in it, each after the one it lies in.
    private func check(
        _ files: [DropPath], _ order: SenderRename, _ box: SenderBox
    ) throws(SenderError) -> [DropPath] {
        let (folders, items) = box.state.withLock { state in
            (
                [order.from] + state.tree.folders(inside: order.from),
                files.flatMap { file in state.tree.items(file).map { (file, $0) } }
            )
        }
        if let (file, _) = items.first(where: { $0.1.isWritten }) {
            throw SenderError(
                .failed, .forbiddenOperation,
                "\(order.from): \(file) in it is being written; close it first")
        }
        if configuration.afterRelease == .refuse, items.contains(where: { $0.1.isWaiting }) {
            throw untouchable(order.from)
        }
        if let long = (files + folders).first(where: { !$0.moved(from: order.from, to: order.to).isNameable })
        {
            throw SenderError(
                .failed, .badPath,
                "\(order.from): \(long) in it would have a path that is too long or too deep")
        }
        let accepts = items.contains { file, item in
            isAccepted(
                item.standing == .partial(isWhole: true), as: file.moved(from: order.from, to: order.to))
        }
        if accepts { try checkRoom(order.from) }
        return folders
    }
}
