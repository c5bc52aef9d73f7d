// SETSTAT of a closed file: its modification time reaches the receipt, its size stays what was delivered.
import Admission
import Blocking
import Ledger
import Logging
package import Staging
import Synchronization

extension Intake {
    /// - Parameters:
    ///   - size: in bytes; only an upload that waits can be cut.
    ///   - modified: seconds since the epoch.
    package func setAttributes(
        _ path: DropPath, size: Int64?, modified: Int64?, _ session: SenderSession
    ) async throws(SenderError) {
        let box = session.box
        try await box.lock.with(.shared) { () async throws(SenderError) in
            if box.state.withLock({ $0.tree.isFolder(path) }) { return }
            let item = box.state.withLock { newest(path, in: &$0, box) }
            guard let item else {
                guard let own = delivered(path, session) else {
                    throw SenderError(.absent, nil, "\(path): no such file or directory")
                }
                try checkSize(size, own.bytes, path)
                return
            }
            if item.isPartial {
                try change(item, path, size, modified, box)
            } else {
                try checkSize(size, item.bytes, path)
                if let modified { try await date(item, modified, path, box) }
            }
        }
        if let modified { session.dates(path, modified: modified) }
    }

    private func checkSize(_ size: Int64?, _ bytes: Int64, _ path: DropPath) throws(SenderError) {
        if let size, size != bytes {
            throw SenderError(
                .denied, .forbiddenOperation,
                "\(path): was delivered whole; its size cannot change, send it again")
        }
    }

    private func change(
        _ item: SenderItem, _ path: DropPath, _ size: Int64?, _ modified: Int64?, _ box: SenderBox
    ) throws(SenderError) {
        do throws(StagingError) {
            guard let held = try box.files.hold(item.drop) else {
                throw StagingError(.failed, "\(item.drop) is locked")
            }
            if let size, size != held.bytes {
                guard size < held.bytes else {
                    throw StagingError(.badPath, "\(item.drop) cannot be made longer")
                }
                try box.files.resume(held, at: size, modified: modified)
                try held.file.keep(size > 0 ? [0..<size] : [], modified: modified)
            } else if let modified {
                try held.file.setModified(modified)
            }
        } catch {
            if error.code == .badPath {
                throw SenderError(.failed, nil, "\(path): only writing makes an upload longer")
            }
            throw refusal(error, path)
        }
        box.state.withLock { state in
            state.tree.update(item.drop) { item in
                if let size, size < item.bytes {
                    item.bytes = size
                    item.standing = .partial(isWhole: false)
                }
                item.modified = modified ?? item.modified
            }
        }
    }

    /// The sender's time of a delivered file, as it comes after CLOSE from clients that preserve times.
    private func date(
        _ item: SenderItem, _ modified: Int64, _ path: DropPath, _ box: SenderBox
    ) async throws(SenderError) {
        guard let text = UploadRegistration.time(modified) else { return }
        do {
            // Before its sender hears that it is so.
            try await writer.commitHere(.dated(id: item.drop, modified: modified))
        } catch {
            throw SenderError(.failed, .ledgerFailed, "\(path): \(Self.ledgerText)")
        }
        let isSettling = box.state.withLock { state in
            state.tree.update(item.drop) { $0.modified = modified }
            state.settling[item.drop]?.record.modified = modified
            state.settling[item.drop]?.receipt.modified = text
            return state.settling[item.drop] != nil
        }
        if !isSettling { await dateReceipt(of: item.drop, box) }
    }

    /// Gives the receipt of a released drop the time that its sender gave it last. The box is locked.
    func dateReceipt(of drop: String, _ box: SenderBox) async {
        await uploads.runToEnd {
            guard let modified = box.state.withLock({ $0.tree.item(drop)?.modified }),
                let text = UploadRegistration.time(modified)
            else { return }
            do {
                try self.staging.ready.date(drop, modified: text)
            } catch {
                self.logger.error("the receipt of drop \(drop) cannot be given its time: \(error)")
            }
        }
    }
}
