// Who is signed in, for how long, and who may try.
import Admission
import HTTPTypes
import Logging
import Support
import TLS
import Testing

@testable import Console
@testable import Management

@Suite struct SessionTests {
    private let token = SHA256.hash(data: Array("token".utf8))
    private let start = ContinuousClock.now

    @Test func aSessionIsKnownByItsCookieAlone() throws {
        let sessions = Sessions()
        let (session, secret) = sessions.begin(token, at: start)
        #expect(sessions.session(secret, at: start)?.id == session.id)
        for wrong in [session.id, session.formKey, "", secret.uppercased(), String(secret.dropLast())] {
            #expect(sessions.session(wrong, at: start) == nil)
        }
        sessions.end(secret)
        #expect(sessions.session(secret, at: start) == nil)
    }

    @Test func itEndsWhenNobodyUsesItAndAfterADayInAnyCase() throws {
        let sessions = Sessions()
        let (_, secret) = sessions.begin(token, at: start)
        var now = start + Sessions.idle - .seconds(1)
        #expect(sessions.session(secret, at: now) != nil)
        // To ask whether it still may is no use of it.
        #expect(sessions.session(secret, isUse: false, at: now + Sessions.idle - .seconds(1)) != nil)
        #expect(sessions.session(secret, at: now + Sessions.idle) == nil)

        let (_, busy) = sessions.begin(token, at: start)
        now = start
        while now + .seconds(60) < start + Sessions.lifetime {
            now += .seconds(60)
            try #require(sessions.session(busy, at: now) != nil)
        }
        #expect(sessions.session(busy, at: start + Sessions.lifetime) == nil)
    }

    @Test func oneTokenCannotTakeAllSessionsNorAllTokensMoreThanThereAre() throws {
        let sessions = Sessions()
        let (_, other) = sessions.begin(SHA256.hash(data: [1]), at: start)
        let own = (0...Sessions.mostOfOne).map {
            sessions.begin(token, at: start + .seconds($0)).secret
        }
        let now = start + .seconds(60)
        #expect(
            own.map { sessions.session($0, at: now) != nil } == [false] + own.dropFirst().map { _ in true })
        #expect(sessions.session(other, at: now) != nil)
        // Each later than the last use of those before: of two that were used at one moment either may go.
        for number in 1...Sessions.most {
            _ = sessions.begin(SHA256.hash(data: Array("\(number)".utf8)), at: now + .seconds(number))
        }
        #expect(sessions.session(other, at: now + .seconds(Sessions.most)) == nil)
    }

    @Test func aNoticeIsToldOnce() throws {
        let sessions = Sessions()
        let (session, _) = sessions.begin(token, at: start)
        let (other, _) = sessions.begin(token, at: start)
        sessions.tell("done", to: session)
        #expect(sessions.takeNotice(of: other) == nil)
        #expect(sessions.takeNotice(of: session) == "done" && sessions.takeNotice(of: session) == nil)
    }

    @Test func whatAFormSendsIsComparedWhole() throws {
        let (session, _) = Sessions().begin(token, at: start)
        #expect(Credentials.isFormKey(session.formKey, of: session))
        for wrong in [nil, "", String(session.formKey.dropLast()), session.formKey + "0"] {
            #expect(!Credentials.isFormKey(wrong, of: session))
        }
    }
}

@Suite struct RefusalTests {
    private func refusal(_ role: TokenRole?, _ fields: HTTPFields) -> Problem? {
        let caller = role.map { Caller(.init(name: "t", role: $0)) }
        return Credentials.refusal(of: .status, to: caller, fields)
    }

    @Test func whoMayIsNotRefused() {
        for role in [TokenRole.viewer, .auditor, .operator] {
            #expect(refusal(role, [.authorization: "Bearer t"]) == nil)
        }
    }

    @Test func aTokenThatIsNotGoodIsAnEntry() throws {
        for value in ["Bearer wrong", "Basic dDp0", ""] {
            let problem = try #require(refusal(nil, [.authorization: value]))
            #expect(problem.status == .unauthorized && problem.reason == .authFailed, "\(value)")
        }
    }

    @Test func aRoleThatIsTooSmallIsAnEntry() throws {
        let problem = try #require(refusal(.consumer, [.authorization: "Bearer t"]))
        #expect(problem.status == .forbidden && problem.reason == .forbiddenOperation)
    }

    /// Balancers poll.
    @Test func whoShowsNoTokenIsRefusedWithoutAnEntry() throws {
        let problem = try #require(refusal(nil, [:]))
        #expect(problem.status == .unauthorized && problem.reason == nil)
        #expect(problem.headers[.wwwAuthenticate] == "Bearer")
    }
}

@Suite struct LoginLimitTests {
    private let start = ContinuousClock.now

    @Test func whoFailsTooOftenWaitsAndOthersDoNot() throws {
        let (limit, guesser) = (LoginLimit(), try IPAddress("192.0.2.1"))
        for _ in 0..<LoginLimit.most {
            #expect(limit.wait(guesser, at: start) == nil)
            limit.failed(guesser, at: start)
        }
        #expect(limit.wait(guesser, at: start + .seconds(1)) == LoginLimit.window - .seconds(1))
        #expect(limit.wait(try IPAddress("192.0.2.2"), at: start) == nil)
        #expect(limit.wait(guesser, at: start + LoginLimit.window) == nil)
        // It begins anew.
        limit.failed(guesser, at: start + LoginLimit.window)
        #expect(limit.wait(guesser, at: start + LoginLimit.window) == nil)
    }

    @Test func oneNetworkOfIPv6IsOneCaller() throws {
        let limit = LoginLimit()
        for number in 0..<LoginLimit.most { limit.failed(try IPAddress("2001:db8::\(number)"), at: start) }
        #expect(limit.wait(try IPAddress("2001:db8::ffff"), at: start) != nil)
        #expect(limit.wait(try IPAddress("2001:db8:0:1::1"), at: start) == nil)
    }

    @Test func strangersCannotMakeItGrowWithoutBound() throws {
        let limit = LoginLimit()
        for number in 0..<5000 {
            limit.failed(
                try IPAddress("10.0.\(number / 256).\(number % 256)"), at: start + .microseconds(number))
        }
        #expect(limit.remembered <= 1024)
    }
}

@Suite struct JobTests {
    /// Goes on until it is cancelled.
    private func endless(_ jobs: Jobs, _ kind: Job.Kind = .verify) throws -> Job {
        let who = try Attribution(.token(name: "t", role: .auditor, address: nil))
        return try jobs.start(kind, "t", by: who, now: .now()) { teller in
            teller.progress(1, of: 2)
            try await untilCancelled()
            throw CancellationError()
        }
    }

    private let auditor = Caller(.init(name: "t", role: .auditor))

    @Test func oneOfAKindGoesOnAndItsKindSaysWhoMaySeeIt() throws {
        let jobs = Jobs(logger: Logger(label: "test"))
        let job = try endless(jobs)
        #expect(throws: Problem.self) { try endless(jobs) }
        #expect(try jobs.job(job.id, for: auditor).state == "running")
        #expect(throws: Problem.self) { try jobs.job(job.id, for: Caller(.init(name: "t", role: .viewer))) }
        let other = try endless(jobs, .probe)
        #expect(throws: Problem.self) { try jobs.job(other.id, for: auditor) }
    }

    @Test func eachKindGoesOnBesideAllOthers() async throws {
        let jobs = Jobs(logger: Logger(label: "test"))
        for kind in Job.Kind.allCases { _ = try endless(jobs, kind) }
        for kind in Job.Kind.allCases {
            #expect(throws: Problem.self, "one goes on already") { try endless(jobs, kind) }
        }
        await jobs.end()
    }

    @Test func nothingGoesOnBehindTheEnd() async throws {
        let jobs = Jobs(logger: Logger(label: "test"))
        let job = try endless(jobs)
        await jobs.end()
        #expect(try jobs.job(job.id, for: auditor).state == "failed" && jobs.running(.verify) == nil)
        #expect(throws: Problem.self) { try endless(jobs) }
    }
}

@Suite struct StreamPlaceTests {
    @Test func aTokensStreamsAreBoundedAndGivenBack() {
        let places = StreamPlaces()
        var held = (0..<StreamPlaces.mostOfOne).compactMap { _ in places.place(for: "a") }
        #expect(held.count == StreamPlaces.mostOfOne && places.place(for: "a") == nil)
        #expect(places.place(for: "b") != nil)
        held.removeLast()
        #expect(places.place(for: "a") != nil)
    }

    /// A place that is let go of while another thread looks at all of them is not given back under the lock that is held.
    @Test func placesThatEndWhileOthersBeginAreGivenBack() async {
        let places = StreamPlaces()
        await withTaskGroup(of: Void.self) { group in
            // So often that a place which is given back under the lock ends the process nearly always.
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<100_000 { _ = places.place(forBrowser: "s") }
                }
            }
        }
        let held = (0..<StreamPlaces.mostOfOne).compactMap { _ in places.place(for: "a") }
        #expect(held.count == StreamPlaces.mostOfOne)
    }

    @Test func aBrowsersNewestPagesCount() {
        let places = StreamPlaces()
        let held = (0..<StreamPlaces.mostOfBrowser + 2).compactMap { _ in places.place(forBrowser: "s") }
        #expect(
            held.map(\.isTaken) == [true, true] + Array(repeating: false, count: StreamPlaces.mostOfBrowser))
    }
}
