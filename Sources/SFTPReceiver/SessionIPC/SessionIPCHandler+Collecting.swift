// What a collector's session is answered. Scope, source and account are looked at again with every question, and
// who took what is in the ledger before anything leaves.
import Accounts
import Admission
import Intake
import JSON
import Ledger
import Logging
import SFTPSession
import Staging

extension SessionIPCHandler {
    /// Drops of one page at most, and bytes of its line for them: with the rest of the line they stay within
    /// `SessionIPC.maxLine`.
    private static let pageDrops = 200
    private static let pageBytes = 56 * 1024
    /// A sender's name, what stands before it under `ready/`, and its version.
    private static let longestPath = 1024 + 128

    /// Answers a question of a collector's session. Throws for one that a sender's asks.
    func collect(_ question: CollectQuestion, _ session: WelcomedSession) async throws(BadMessage)
        -> CollectPage
    {
        guard session.login.account.collects != nil else {
            throw BadMessage(description: "a sender's question for drops")
        }
        var attempt = attempt(.access, session)
        if attempt.verdict == .rejected {
            intake.note(attempt)
            return CollectPage(ok: false, message: "the gate gives nothing to this address any more")
        }
        if attempt.verdict == .accepted { attempt.reason = .read }
        let scope: CollectScope
        switch current(session.login) {
        case .success(let account):
            guard let collects = account.collects else { return CollectPage(ok: true) }
            scope = collects
        case .failure(let withdrawal):
            attempt.verdict = .rejected
            attempt.reason = withdrawal.reason
            intake.note(attempt)
            return CollectPage(ok: false, message: withdrawal.message)
        }
        do {
            if !session.hasRead {
                try await intake.record(attempt)
                session.hasRead = true
            }
            guard let id = question.drop else { return try await page(before: question.before, scope) }
            if question.asksStanding {
                let standing = try await standing(of: id, scope, session.login.account.name)
                return CollectPage(ok: true, standing: standing)
            }
            guard let drop = try released(id, scope) else { return CollectPage(ok: true) }
            if question.opens || question.acknowledges {
                attempt.detail["drop"] = .string(drop.id)
                attempt.detail["file"] = .string(UntrustedText.head(drop.readyPath, limit: Self.longestPath))
            }
            if question.acknowledges {
                attempt.detail["acknowledged"] = true
                // A consumer may have moved it away, which the ledger says only after the next sweep: were it acknowledged, the
                // collector's side would have it as well. What its sender is renaming at this moment is there in a moment again.
                guard try intake.isThere(drop) else { return CollectPage(ok: true) }
                // Entry and change in one: of two sessions that acknowledge a drop one alone has an entry.
                guard try await intake.acknowledge(drop.id, as: attempt) else { return CollectPage(ok: true) }
            } else if question.opens {
                try await intake.record(attempt)
            }
            return CollectPage(ok: true, drops: [CollectPage.Drop(id: drop.id, path: drop.readyPath)])
        } catch {
            logger.error("a collector's question cannot be answered: \(error)")
            return CollectPage(
                ok: false,
                message: "the gate cannot look at its ledger or its staging directory; try again later")
        }
    }

    private func released(_ id: String, _ scope: CollectScope) throws -> DropRecord? {
        guard DropID.isValid(id), let drop = try intake.drop(id: id), drop.state == .released,
            scope.covers(drop.readyPath)
        else { return nil }
        return drop
    }

    /// What has become of a drop of the scope, for a collector that has not heard the answer to its acknowledgement; nil: there is
    /// none.
    private func standing(of id: String, _ scope: CollectScope, _ account: String) async throws -> String? {
        guard DropID.isValid(id), let drop = try intake.drop(id: id), scope.covers(drop.readyPath) else {
            return nil
        }
        var members: [String: JSONValue] = ["drop": .string(id), "state": .string("\(drop.state)")]
        if let time = drop.acknowledged {
            let isOwn = try await intake.isAcknowledged(id, by: account, since: time)
            members["by_you"] = isOwn.map(JSONValue.bool)
        } else if drop.state == .forgotten {
            // It was taken without a word.
            members["by_you"] = false
        }
        return String(decoding: CanonicalJSON.encode(.object(members)), as: UTF8.self)
    }

    /// The newest drops of the scope below a seq; never empty while there are older ones.
    private func page(before: Int64?, _ scope: CollectScope) async throws -> CollectPage {
        var page = CollectPage(ok: true)
        var before = before
        var bytes = 0
        while page.drops.isEmpty {
            let drops = try await intake.released(before: before, limit: Self.pageDrops)
            for drop in drops {
                if scope.covers(drop.readyPath) {
                    // Tabs, newlines and backslashes take two bytes; the rest is the id.
                    bytes += 2 * drop.readyPath.utf8.count + 64
                    guard page.drops.isEmpty || bytes <= Self.pageBytes else {
                        page.next = before
                        return page
                    }
                    page.drops.append(CollectPage.Drop(id: drop.id, path: drop.readyPath))
                }
                before = drop.seq
            }
            guard drops.count == Self.pageDrops else { return page }
        }
        page.next = before
        return page
    }
}
