// What a sender's session is answered: names, uploads, changes. Intake decides; here its answers become messages, and
// what it refuses an entry.
import Accounts
import Admission
import Intake
import JSON
import Ledger
import Logging
import SFTPSession
import Staging
import TLS

extension SessionIPCHandler {
    /// Names of one page at most, and bytes of its line for them: with the rest of the line they stay within
    /// `SessionIPC.maxLine`.
    private static let pageNames = 100
    private static let pageBytes = 48 * 1024

    /// Answers a question of a sender's session. Throws for a message that no session of ours would send.
    /// - Parameter content: what came with a commit.
    func answer(
        _ message: SessionMessage, _ content: [UInt8]?, _ session: WelcomedSession
    ) async throws(BadMessage) -> DaemonMessage {
        guard let sender = session.sender else {
            throw BadMessage(description: "a collector's question about names")
        }
        switch message {
        case .names(let question): return try names(question, session, sender)
        case .change(let change): return .done(try await make(change, session, sender))
        case .open(let open): return try self.open(open, session, sender)
        case .room(let room): return try self.room(room, session, sender)
        case .commit(let commit): return .commit(try await self.commit(commit, content, session, sender))
        case .ended(let ended):
            try await self.ended(ended, session, sender)
            return .done(ChangeAnswer())
        case .hello, .refused, .probed, .collect:
            throw BadMessage(description: "a message that is none of a sender's")
        }
    }

    // MARK: Names

    private func names(
        _ question: NameQuestion, _ session: WelcomedSession, _ sender: SenderSession
    ) throws(BadMessage) -> DaemonMessage {
        let path = try Self.path(question.path)
        switch question.about {
        case .name:
            let node = intake.look(path, sender)
            return .names(NameAnswer(entries: node.map { [NameAnswer.Entry("", $0)] } ?? []))
        case .directory:
            do throws(SenderError) {
                let page = try intake.list(
                    path, after: question.after.map { Array($0.utf8) }, limit: Self.pageNames,
                    bytes: Self.pageBytes, sender)
                return .names(
                    NameAnswer(
                        entries: page.entries.map {
                            NameAnswer.Entry(String(decoding: $0.name, as: UTF8.self), $0.node)
                        }, hasMore: page.hasMore))
            } catch {
                return .done(refuse(error, "OPENDIR", path, session))
            }
        }
    }

    private func make(
        _ change: NameChange, _ session: WelcomedSession, _ sender: SenderSession
    ) async throws(BadMessage) -> ChangeAnswer {
        let path = try Self.path(change.path)
        let attempt = attempt(.transfer, session)
        do throws(SenderError) {
            switch change.what {
            case .makeDirectory: try intake.makeDirectory(path, sender)
            case .removeDirectory: try await intake.removeDirectory(path, sender)
            case .remove:
                try await intake.remove(path, open: change.open, attempt: attempt, sender)
            case .setAttributes:
                try await intake.setAttributes(path, size: change.size, modified: change.modified, sender)
            case .rename:
                guard let to = change.to.flatMap(DropPath.init) else {
                    throw SenderError(.failed, .malformed, "\(path): the new name is none")
                }
                try await intake.rename(
                    SenderRename(from: path, to: to, replaces: change.replaces ?? false, open: change.open),
                    attempt: attempt, sender)
            }
            return ChangeAnswer()
        } catch {
            return refuse(error, change.what.operation, path, session)
        }
    }

    // MARK: Uploads

    private func open(
        _ open: UploadOpening, _ session: WelcomedSession, _ sender: SenderSession
    ) throws(BadMessage) -> DaemonMessage {
        let path = try Self.path(open.path)
        do throws(SenderError) {
            let opening = try intake.open(
                SenderOrder(
                    path: path, exclusive: open.exclusive, mustExist: open.mustExist, fresh: open.fresh,
                    appends: open.appends, modified: open.modified), sender)
            var opened = UploadOpened(drop: opening.drop, standing: .fresh, room: opening.room)
            switch opening.standing {
            case .fresh: break
            case .partial: opened.standing = .partial
            case .delivered(let bytes): (opened.standing, opened.bytes) = (.delivered, bytes)
            }
            return .opened(opened)
        } catch {
            return .done(refuse(error, "OPEN", path, session))
        }
    }

    private func room(
        _ room: RoomRequest, _ session: WelcomedSession, _ sender: SenderSession
    ) throws(BadMessage) -> DaemonMessage {
        guard DropID.isValid(room.drop), (1...Self.mostRoom).contains(room.bytes),
            (1...room.bytes).contains(room.least)
        else {
            throw BadMessage(description: "a question for room that no session asks")
        }
        do throws(SenderError) {
            return .done(
                ChangeAnswer(bytes: try intake.room(room.least...room.bytes, for: room.drop, sender)))
        } catch {
            return .done(refuse(error, "WRITE", intake.path(of: room.drop, sender), session))
        }
    }

    private static let mostRoom: Int64 = 1 << 30
    /// Of a file: more than any filesystem has, and few enough for sums of many.
    private static let mostBytes: Int64 = 1 << 50

    private func ended(
        _ ended: UploadEnded, _ session: WelcomedSession, _ sender: SenderSession
    ) async throws(BadMessage) {
        guard DropID.isValid(ended.drop), (0...Self.mostBytes).contains(ended.bytes),
            (0...ended.bytes).contains(ended.prefix)
        else {
            throw BadMessage(description: "the end of what cannot be an upload")
        }
        switch ended.outcome {
        case .interrupted:
            let isKept = await intake.kept(
                ended.drop, bytes: ended.prefix, isWhole: false, modified: ended.modified, sender)
            noteIncomplete(
                ended.drop, ended.path, ended.bytes, ended.message, session, hasBytes: ended.prefix > 0,
                isSuperseded: !isKept)
        case .lost:
            intake.discarded(ended.drop, sender)
            noteIncomplete(ended.drop, ended.path, ended.bytes, ended.message, session, hasBytes: false)
        case .whole:
            await intake.kept(
                ended.drop, bytes: ended.bytes, isWhole: true, modified: ended.modified, sender)
        case .discarded: intake.discarded(ended.drop, sender)
        case .untouched: intake.putBack(ended.drop, sender)
        }
    }

    /// A session has ended, whatever it said.
    func ended(_ session: WelcomedSession) {
        sessions.ended()
        guard let sender = session.sender else { return }
        for upload in intake.endSession(sender) {
            noteIncomplete(
                upload.drop, upload.path.text, upload.bytes, "the session ended without a word", session,
                hasBytes: upload.bytes > 0, isSuperseded: upload.isSuperseded)
        }
    }

    /// - Parameters:
    ///   - hasBytes: there are some that its sender could go on with.
    ///   - isSuperseded: they are gone all the same.
    private func noteIncomplete(
        _ drop: String, _ path: String, _ bytes: Int64, _ message: String?, _ session: WelcomedSession,
        hasBytes: Bool, isSuperseded: Bool = false
    ) {
        var attempt = attempt(.transfer, session)
        attempt.verdict = .rejected
        attempt.reason = .incomplete
        attempt.drop = DropFacts(id: drop, name: Self.name(path), bytes: bytes, sha256: nil)
        let why = message ?? "it ended before it was whole"
        attempt.detail["message"] = .string(
            UntrustedText.head(
                isSuperseded ? "a newer upload of its name is whole, so nothing of it is kept; \(why)" : why,
                limit: 256))
        if hasBytes { intake.noteInterrupted(attempt) } else { intake.note(attempt) }
    }

    // MARK: Commits

    private func commit(
        _ commit: UploadCommit, _ content: [UInt8]?, _ session: WelcomedSession, _ sender: SenderSession
    ) async throws(BadMessage) -> UploadCommitAnswer {
        guard DropID.isValid(commit.drop), (0...Self.mostBytes).contains(commit.bytes),
            SHA256Digest.isHex(commit.sha256), !commit.path.isEmpty
        else {
            throw BadMessage(description: "a commit of what cannot be a drop")
        }
        var attempt = attempt(.transfer, session)
        // By the account of this moment, not of the look before.
        if let ending = ending(of: session.login, session.connection, looking: .now) {
            attempt.verdict = .rejected
            attempt.reason = ending.attempt.reason
            return refuse(commit, attempt, ending.message)
        }
        let upload = FinishedUpload(
            dropID: commit.drop, account: session.login.account.name, path: commit.path,
            bytes: commit.bytes, sha256: commit.sha256, modified: commit.modified, content: content)
        do throws(IntakeError) {
            let outcome = try await intake.commit(upload, attempt: attempt, sender)
            sender.delivers(upload, at: intake.now)
            return UploadCommitAnswer(
                id: commit.id, ok: true, status: outcome.status == .stored ? .stored : .duplicate,
                name: outcome.name)
        } catch {
            attempt.verdict = .rejected
            attempt.reason = error.code
            return refuse(commit, attempt, error.description)
        }
    }

    private func refuse(_ commit: UploadCommit, _ attempt: Attempt, _ message: String) -> UploadCommitAnswer {
        var attempt = attempt
        attempt.drop = DropFacts(
            id: commit.drop, name: Self.name(commit.path), bytes: commit.bytes, sha256: commit.sha256)
        attempt.detail["message"] = .string(UntrustedText.head(message, limit: 256))
        intake.note(attempt)
        return UploadCommitAnswer(id: commit.id, ok: false, code: attempt.reason.rawValue, message: message)
    }

    // MARK: Refusals

    private func refuse(
        _ refusal: SenderError, _ operation: String, _ path: DropPath, _ session: WelcomedSession
    ) -> ChangeAnswer {
        if let reason = refusal.reason {
            var attempt = attempt(.transfer, session)
            attempt.verdict = .rejected
            attempt.reason = reason
            attempt.detail["operation"] = .string(operation)
            attempt.detail["path"] = .string(Self.name(path.description))
            attempt.detail["message"] = .string(UntrustedText.head(refusal.message, limit: 256))
            intake.note(attempt)
        }
        let failure: ChangeAnswer.Failure =
            switch refusal.kind {
            case .absent: .absent
            case .exists: .exists
            case .denied: .denied
            case .full: .full
            case .failed: .failed
            }
        return ChangeAnswer(failure: failure, message: refusal.message)
    }

    private static func path(_ text: String) throws(BadMessage) -> DropPath {
        guard let path = DropPath(text) else { throw BadMessage(description: "a path that is none") }
        return path
    }
}

extension NameAnswer.Entry {
    fileprivate init(_ name: String, _ node: SenderNode) {
        self.init(name: name, isDirectory: node.isDirectory, bytes: node.bytes, modified: node.modified)
    }
}

extension NameChange.What {
    /// As the draft calls it.
    fileprivate var operation: String {
        switch self {
        case .makeDirectory: "MKDIR"
        case .removeDirectory: "RMDIR"
        case .rename: "RENAME"
        case .remove: "REMOVE"
        case .setAttributes: "SETSTAT"
        }
    }
}
