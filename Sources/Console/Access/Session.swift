// Who has signed in with a browser, and what their cookie stands for. Sessions are in memory: a gate that starts anew knows none of
// them. What a session may do is decided with each request, by the token that it began with.
import Admission
import Synchronization
import TLS

struct Session: Sendable {
    /// Names the session in entries; nothing is opened by it.
    let id: String
    /// What the forms of its pages carry, and no page of another site can know.
    let formKey: String
    /// Of the token that it began with.
    let token: SHA256Digest
    fileprivate let began: ContinuousClock.Instant
    fileprivate var used: ContinuousClock.Instant
    /// What the next page is to say, once.
    fileprivate var notice: String?
}

final class Sessions: Sendable {
    /// Browsers that can be signed in at a time, and of one token; the one that was used longest ago has to sign in again.
    static let most = 256
    static let mostOfOne = 16
    /// After this long without a request, and after this long in all, somebody has to sign in again.
    static let idle = Duration.seconds(30 * 60)
    static let lifetime = Duration.seconds(12 * 3600)

    /// By the digest of the cookie's value: how long a look-up takes says nothing about the value.
    private let sessions = Mutex<[SHA256Digest: Session]>([:])

    /// Begins one. Returns it, and what its cookie is to hold.
    func begin(
        _ token: SHA256Digest, at now: ContinuousClock.Instant = .now
    ) -> (session: Session, secret: String) {
        let secret = Hex.text(RandomBytes.make(32))
        let session = Session(
            id: Hex.text(RandomBytes.make(4)), formKey: Hex.text(RandomBytes.make(32)), token: token,
            began: now, used: now)
        sessions.withLock { sessions in
            sessions = sessions.filter { Self.isGood($0.value, now) }
            Self.makeRoom(&sessions, below: Self.mostOfOne) { $0.token == token }
            Self.makeRoom(&sessions, below: Self.most) { _ in true }
            sessions[Self.key(secret)] = session
        }
        return (session, secret)
    }

    private static func makeRoom(
        _ sessions: inout [SHA256Digest: Session], below most: Int, _ isMeant: (Session) -> Bool
    ) {
        let meant = sessions.filter { isMeant($0.value) }.sorted { $0.value.used < $1.value.used }
        for old in meant.dropLast(most - 1) { sessions[old.key] = nil }
    }

    /// The session of a cookie; nil: it is over, or never was.
    /// - Parameter isUse: somebody does something; else it is only asked whether they still may.
    func session(
        _ secret: String, isUse: Bool = true, at now: ContinuousClock.Instant = .now
    ) -> Session? {
        sessions.withLock { sessions in
            let key = Self.key(secret)
            guard let session = sessions[key] else { return nil }
            guard Self.isGood(session, now) else {
                sessions[key] = nil
                return nil
            }
            if isUse { sessions[key]?.used = now }
            return session
        }
    }

    func end(_ secret: String) { sessions.withLock { $0[Self.key(secret)] = nil } }

    /// Has the session's next page say something.
    func tell(_ notice: String, to session: Session) {
        sessions.withLock { sessions in
            guard let key = sessions.first(where: { $0.value.id == session.id })?.key else { return }
            sessions[key]?.notice = notice
        }
    }

    /// What a page of the session is to say; only the first one that asks is told.
    func takeNotice(of session: Session) -> String? {
        sessions.withLock { sessions in
            guard let found = sessions.first(where: { $0.value.id == session.id }) else { return nil }
            sessions[found.key]?.notice = nil
            return found.value.notice
        }
    }

    private static func key(_ secret: String) -> SHA256Digest { SHA256.hash(data: Array(secret.utf8)) }

    private static func isGood(_ session: Session, _ now: ContinuousClock.Instant) -> Bool {
        session.used.duration(to: now) < idle && session.began.duration(to: now) < lifetime
    }
}
