// When an sshd that failed is asked again: by a clock that the test moves.
import Intake
import Settings
import Synchronization
import Testing

@testable import SFTPReceiver

@Suite struct SSHDWatchTests {
    /// A clock that the test moves, and an sshd that answers as the test says.
    private final class Scene: Sendable {
        private struct State {
            /// Since the beginning.
            var passed = Duration.zero
            var looks: [Int] = []
            var answer = Result<String?, SSHDError>.success("it lacks something")
            var meanwhile: (@Sendable () -> Void)?
        }

        private static let start = ContinuousClock.now
        private let state = Mutex(State())

        var now: ContinuousClock.Instant { Self.start + state.withLock { $0.passed } }
        /// When sshd was asked, in seconds since the beginning.
        var looks: [Int] { state.withLock { $0.looks } }

        func answer(_ answer: Result<String?, SSHDError>) { state.withLock { $0.answer = answer } }
        /// What happens while sshd looks.
        func meanwhile(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.meanwhile = body } }
        func pass(_ seconds: Int) { state.withLock { $0.passed += .seconds(seconds) } }

        func look() throws(SSHDError) -> String? {
            let (answer, meanwhile) = state.withLock { state in
                state.looks.append(Int(state.passed.components.seconds))
                return (state.answer, state.meanwhile)
            }
            meanwhile?()
            return try answer.get()
        }
    }

    private let scene: Scene
    private let health = Health()
    private let watch: SSHDWatch

    init() {
        let scene = Scene()
        let files = SSHDFiles(
            tools: SSHDTools(),
            configuration: SSHDConfiguration(
                hostKeys: [], session: "/s", socket: "/s", keys: "/s", takesPasswords: false, isRoot: false,
                loginGrace: 1, idleTimeout: 1, maxSessions: 1, maxAuthTries: 1, encryptAndMAC: true),
            layout: SSHDLayout(directory: "/s"), ownUser: nil)
        self.scene = scene
        watch = SSHDWatch(
            KeptFiles(files), health: health, logger: quietLogger, now: { scene.now },
            check: { () async throws(SSHDError) -> String? in try scene.look() })
    }

    private var isTold: Bool { health.has(problem: "sftp.sshd") }

    /// As the receiver does: each second the watch is asked.
    private func run(_ seconds: Int) async {
        for _ in 0..<seconds {
            scene.pass(1)
            await watch.checkAgain()
        }
    }

    @Test("Without a failure nobody is asked") func nothingFailed() async {
        await run(100)
        #expect(scene.looks.isEmpty && !isTold)
    }

    @Test(
        "After a failure sshd is asked each 30 seconds, and each 2 where there was no room for another process",
        arguments: [(false, [30, 60, 90]), (true, [2, 4, 6, 8, 10])])
    func pauses(hadNoRoom: Bool, looks: [Int]) async {
        watch.failed("x", hadNoRoom: hadNoRoom)
        await run(hadNoRoom ? 11 : 119)
        #expect(scene.looks == looks && isTold)
        #expect(SSHDWatch.pause == .seconds(30) && SSHDWatch.pauseForRoom == .seconds(2))
    }

    @Test("A look that comes late is not made up for: the pause begins with it") func lateLook() async {
        watch.failed("x")
        scene.pass(45)
        for _ in 0..<3 { await watch.checkAgain() }
        #expect(scene.looks == [45], "one look, however often it is asked for")
        await run(29)
        #expect(scene.looks == [45])
        await run(1)
        #expect(scene.looks == [45, 75])
    }

    @Test("The pause counts from the last failure, and is that one's", arguments: [(false, 50), (true, 22)])
    func lastFailure(hadNoRoom: Bool, look: Int) async {
        watch.failed("x", hadNoRoom: !hadNoRoom)
        // Before the first look of either.
        scene.pass(20)
        watch.failed("y", hadNoRoom: hadNoRoom)
        await run(look - 20)
        #expect(scene.looks == [look])
    }

    @Test("A look that finds sshd well ends the problem and the looks, and the next failure begins anew")
    func success() async {
        watch.failed("x")
        scene.answer(.success(nil))
        await run(100)
        #expect(scene.looks == [30] && !isTold)
        scene.answer(.success("it lacks something"))
        watch.failed("x", hadNoRoom: true)
        await run(5)
        #expect(scene.looks == [30, 102, 104] && isTold)
    }

    @Test("An sshd that does not take its configuration, or cannot be asked, is none that works")
    func refusal() async {
        scene.answer(.failure(SSHDError(.refused, "no")))
        watch.failed("x")
        await run(60)
        #expect(scene.looks == [30, 60] && isTold)
    }

    @Test("What a caller meets while sshd looks counts more than what it found") func failureMeanwhile() async
    {
        watch.failed("x")
        scene.answer(.success(nil))
        let watch = watch
        scene.meanwhile { watch.failed("y") }
        await run(30)
        #expect(scene.looks == [30] && isTold)
        scene.meanwhile {}
        await run(30)
        #expect(scene.looks == [30, 60] && !isTold)
    }

    @Test("An sshd that was started before the failure shows nothing by its work, and a later one ends it")
    func works() async {
        let before = scene.now
        watch.failed("x")
        watch.works(since: before)
        #expect(isTold)
        scene.pass(1)
        watch.failed("x")
        watch.works(since: before)
        #expect(isTold)
        scene.pass(1)
        watch.works(since: scene.now)
        #expect(!isTold)
        await run(100)
        #expect(scene.looks.isEmpty)
    }
}
