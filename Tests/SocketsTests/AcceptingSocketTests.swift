// The listener with real connections over loopback: whom it hands over, and when it ends.
import Admission
import Foundation
import Synchronization
import Testing

@testable import Sockets

/// What a listener has handed over, and a wait for a certain number of it.
private final class Taken: Sendable {
    private let peers = Mutex<[Endpoint?]>([])
    private let condition = DispatchSemaphore(value: 0)
    private let keepsOpen: Bool
    private let kept = Mutex<[Int32]>([])

    /// - Parameter keepsOpen: whether the connections stay open for as long as this is there.
    init(keepsOpen: Bool = false) { self.keepsOpen = keepsOpen }

    deinit { kept.withLock { for descriptor in $0 { close(descriptor) } } }

    func take(_ descriptor: Int32, _ peer: Endpoint?) {
        if keepsOpen { kept.withLock { $0.append(descriptor) } } else { close(descriptor) }
        peers.withLock { $0.append(peer) }
        condition.signal()
    }

    /// The addresses of so many connections; fewer after ten seconds.
    func first(_ count: Int) -> [Endpoint?] {
        for _ in 0..<count where condition.wait(timeout: .now() + 10) == .timedOut { break }
        return peers.withLock { $0 }
    }
}

@Suite(.timeLimit(.minutes(1))) struct AcceptingSocketTests {
    private let loopback: IPAddress
    private let listener: AcceptingSocket
    private let port: UInt16

    init() throws {
        loopback = try IPAddress("127.0.0.1")
        listener = try AcceptingSocket.tcp(Endpoint(ip: loopback, port: 0))
        port = try #require(listener.port)
    }

    private func call() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let result = SocketAddress.withSocketAddress(loopback, port: port) { connect(descriptor, $0, $1) }
        guard result == 0 else {
            close(descriptor)
            throw ListenError("connect", errno: errno)
        }
        return descriptor
    }

    /// getpeername(2) knows nothing of such a connection: what is told is what accept(2) told.
    @Test func aConnectionThatWasResetBeforeItIsAcceptedKeepsItsAddress() throws {
        for _ in 0..<20 {
            let descriptor = try call()
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
            close(descriptor)
        }
        let taken = Taken()
        let acceptance = listener.accept(label: "test", take: taken.take, turnAway: taken.take)
        let peers = taken.first(20)
        acceptance.stop()
        #expect(peers.count == 20)
        #expect(peers.allSatisfy { $0?.ip == loopback && $0?.port != nil })
    }

    /// sshd, which is given connections as they are, sets it only once a session begins.
    @Test func connectionsHaveNoDelayFromTheBeginning() async throws {
        let caller = try call()
        defer { close(caller) }
        let (options, news) = AsyncStream.makeStream(of: Int32.self)
        let acceptance = listener.accept(
            label: "test",
            take: { descriptor, _ in
                var option: Int32 = -1
                var size = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &option, &size)
                close(descriptor)
                news.yield(option)
            }, turnAway: { descriptor, _ in close(descriptor) })
        #expect(await options.first { _ in true } == 1)
        await acceptance.end()
    }

    @Test func whoWaitsAtTheStopIsStillTakenAndNobodyAfterIt() async throws {
        let callers = try (0..<5).map { _ in try call() }
        defer { for caller in callers { close(caller) } }
        let taken = Taken()
        let acceptance = listener.accept(label: "test", take: taken.take, turnAway: taken.take)
        acceptance.stop()
        #expect(taken.first(5).count == 5)
        // The listener shuts after it has taken them.
        var isRefused = false
        while !isRefused {
            do { close(try call()) } catch { isRefused = true }
            await Task.yield()
        }
        #expect(isRefused)
    }

    /// accept(2) says EMFILE before it looks whether anybody waits: who takes that for a caller never waits again.
    @Test func withoutDescriptorsCallersAreTurnedAwayAndTheStopIsSeen() async throws {
        let callers = try (0..<32).map { _ in try call() }
        defer { for caller in callers { close(caller) } }
        var before = rlimit()
        try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before) == 0)
        let highest = dup(0)
        close(highest)
        var few = before
        few.rlim_cur = rlim_t(highest + 8)
        try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few) == 0)
        var filling: [Int32] = []
        while true {
            let descriptor = dup(0)
            guard descriptor >= 0 else { break }
            filling.append(descriptor)
        }
        // Those of the listener itself: what wakes it, and the spare one.
        for _ in 0..<2 { _ = filling.popLast().map { close($0) } }
        // What other threads of the process close meanwhile is found by a caller, who keeps it: there are more callers than that.
        let (taken, turnedAway) = (Taken(keepsOpen: true), Taken())
        let acceptance = listener.accept(label: "test", take: taken.take, turnAway: turnedAway.take)
        _ = turnedAway.first(16)
        await acceptance.end()
        for descriptor in filling { close(descriptor) }
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before)
        let peers = turnedAway.first(0)
        #expect(peers.count >= 16 && peers.allSatisfy { $0?.ip == loopback })
        #expect(peers.count + taken.first(0).count == callers.count)
    }

    @Test func aPortThatIsTakenIsSaidWithAdvice() throws {
        let error = #expect(throws: ListenError.self) {
            try AcceptingSocket.tcp(Endpoint(ip: loopback, port: port))
        }
        #expect(error?.description.contains("choose another port") == true && error?.needsMending == false)
    }

    @Test func unixSocketsAreOpenToTheirUserAlone() throws {
        let path = FileManager.default.temporaryDirectory.path + "/accepting-\(UUID().uuidString)"
        let socket = try AcceptingSocket.unix(path)
        defer { unlink(path) }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600 && socket.port == nil)
        let tooLong = #expect(throws: ListenError.self) {
            try AcceptingSocket.unix("/" + String(repeating: "p", count: 200))
        }
        #expect(tooLong?.needsMending == true && tooLong?.description.contains("has 201 bytes") == true)
    }

    @Test func aFileGivesWayToASocketAndADirectoryDoesNot() throws {
        let path = FileManager.default.temporaryDirectory.path + "/accepting-\(UUID().uuidString)"
        try Data().write(to: URL(filePath: path))
        try UnixSocketPlace.checkFree(path)
        _ = try AcceptingSocket.unix(path)
        unlink(path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        defer { rmdir(path) }
        let error = #expect(throws: ListenError.self) { try AcceptingSocket.unix(path) }
        #expect(error?.needsMending == true)
        #expect(error?.description.contains("in place of the socket \(path) lies a directory") == true)
        #expect(throws: ListenError.self) { try UnixSocketPlace.checkFree(path) }
    }

    @Test func whatIsWrongWithAFileIsNoMatterOfPorts() {
        let error = ListenError("cannot listen on /s", errno: EACCES, isPath: true)
        #expect(error.description == "cannot listen on /s: Permission denied")
    }
}
