// Tries what the rules say from this machine, many attempts at a time, each bounded in time.
import Admission
import Files
import Foundation
import NIOCore
import NIOPosix
import TLS

package struct RuleChecker: Sendable {
    package struct Options: Sendable {
        package var timeout: Duration = .seconds(5)
        /// How long a tunnel idles between its two requests.
        package var pause: Duration = .seconds(2)
        /// PEM of the authorities to trust in place of the system's.
        package var authorities: String?
        package var proxy: ProxyAddress?
        package var hosts = HostMap()
        /// Ids of rows; empty: all.
        package var rows: Set<String> = []
        /// Attempts at a time.
        package var concurrency = 16

        package init() {}
    }

    private struct Job: Sendable {
        var row: Int
        var run: @Sendable () async -> CheckAttempt
    }

    private let options: Options
    private let tcp: TCPCheck
    private let udp: UDPCheck

    /// Throws when the authorities cannot be read.
    package init(_ options: Options) throws {
        self.options = options
        let trust = options.authorities.map { TLSContext.Client.Trust.file($0) } ?? .system
        tcp = TCPCheck(timeout: options.timeout, context: try TLSContext(TLSContext.Client(trust: trust)))
        udp = UDPCheck(timeout: options.timeout)
    }

    /// One result a row, in the order of the document. `progress` is told how many of how many attempts are done.
    package func run(_ book: RuleBook, progress: @Sendable (Int, Int) -> Void) async -> [CheckResult] {
        let plan = CheckPlan(book: book, map: options.hosts, hasProxy: options.proxy != nil)
        let rows = plan.rows.filter { options.rows.isEmpty || options.rows.contains($0.id) }
        let jobs = rows.enumerated().flatMap { index, row in self.jobs(row.work, row: index) }
        var attempts: [Int: [CheckAttempt]] = [:]
        await withTaskGroup(of: (Int, CheckAttempt).self) { group in
            var waiting = jobs[...]
            func startNext() {
                guard let job = waiting.popFirst() else { return }
                group.addTask { (job.row, await job.run()) }
            }
            for _ in 0..<options.concurrency { startNext() }
            var done = 0
            while let (row, attempt) = await group.next() {
                attempts[row, default: []].append(attempt)
                done += 1
                progress(done, jobs.count)
                startNext()
            }
        }
        return rows.enumerated().map { index, row in result(row, attempts[index] ?? []) }
    }

    private func result(_ row: CheckRow, _ attempts: [CheckAttempt]) -> CheckResult {
        let (id, purpose, isOptional) = (row.id, row.purpose, row.isOptional)
        let sorted = attempts.sorted { $0.what < $1.what }
        switch row.work {
        case .skipped(let why):
            return CheckResult(id: id, purpose: purpose, isOptional: isOptional, skipped: why)
        case .targets(_, let remark):
            return CheckResult(
                id: id, purpose: purpose, isOptional: isOptional, attempts: sorted, remark: remark)
        case .tunnel, .directUDP:
            return CheckResult(id: id, purpose: purpose, isOptional: isOptional, attempts: sorted)
        }
    }

    private func jobs(_ work: CheckRow.Work, row: Int) -> [Job] {
        switch work {
        case .skipped: []
        case .targets(let targets, _):
            targets.map { target in Job(row: row) { await self.attempt(target) } }
        case .directUDP(let targets):
            targets.map { target in Job(row: row) { await self.direct(target) } }
        case .tunnel(let host, let name):
            [Job(row: row) { await self.tunnel(host, name) }]
        }
    }

    // MARK: Attempts

    private func attempt(_ target: CheckTarget) async -> CheckAttempt {
        var attempt = CheckAttempt(what: target.what, outcome: .blocked, detail: "", group: target.group)
        if case .nothing(let why) = target.method {
            (attempt.outcome, attempt.detail) = (.skipped, why)
            return attempt
        }
        var problems: [String] = []
        do {
            for address in try await HostLookup.addresses(of: target.host) {
                do {
                    try await reach(target, address, &attempt)
                    return attempt
                } catch {
                    let reason = Self.words(error)
                    problems.append("\(address)" == target.host ? reason : "\(address): \(reason)")
                }
            }
        } catch {
            attempt.outcome = .unresolved
            problems.append("\(error)")
        }
        attempt.detail = problems.joined(separator: ", ")
        return attempt
    }

    /// Fills in what was seen; throws what went wrong.
    private func reach(
        _ target: CheckTarget, _ address: IPAddress, _ attempt: inout CheckAttempt
    ) async throws {
        switch target.method {
        case .connect:
            attempt.detail = try await tcp.connect(address, target.port)
        case .tls(let name):
            attempt.detail = try await tcp.handshake(address, target.port, name: name)
        case .stun:
            let binding = try await udp.bind(address, target.port)
            attempt.seen = binding.seen?.ip
            attempt.detail =
                binding.isError
                ? "STUN answered with an error"
                : binding.seen.map { "STUN answered; it saw \($0.ip) port \($0.port)" } ?? "STUN answered"
        case .datagram:
            try await udp.send(address, target.port)
            (attempt.outcome, attempt.detail) = (.noProof, "sent, no proof")
            return
        case .nothing(let why):
            (attempt.outcome, attempt.detail) = (.skipped, why)
            return
        }
        attempt.outcome = .ok
    }

    /// UDP past the proxy: what this machine sends must not come from the proxy's address.
    private func direct(_ target: CheckTarget) async -> CheckAttempt {
        var attempt = await self.attempt(target)
        guard attempt.outcome == .ok, let seen = attempt.seen, let proxy = options.proxy,
            let proxies = try? await HostLookup.addresses(of: proxy.host)
        else { return attempt }
        if proxies.contains(seen) {
            attempt.detail +=
                ", the proxy's own address, so it cannot be told whether UDP goes past the proxy"
            attempt.outcome = .noProof
        } else {
            attempt.detail += ", past the proxy"
        }
        return attempt
    }

    private func tunnel(_ host: String, _ name: String) async -> CheckAttempt {
        var attempt = CheckAttempt(
            what: "CONNECT \(host):443", outcome: .blocked, detail: "", group: "tunnel")
        guard let proxy = options.proxy else { return attempt }
        let check = TunnelCheck(
            proxy: proxy, timeout: options.timeout, pause: options.pause, context: tcp.context)
        do {
            attempt.detail = try await check.run(host: host, name: name)
            attempt.outcome = .ok
        } catch let error as RuleBookError where error.code == .inconclusive {
            (attempt.outcome, attempt.detail) = (.noProof, "\(error)")
        } catch let error as RuleBookError where error.code == .unresolved {
            (attempt.outcome, attempt.detail) = (.unresolved, "\(error)")
        } catch {
            attempt.detail = Self.words(error)
        }
        return attempt
    }

    /// Errors of sockets and TLS in words.
    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as IOError: SystemError(error.errnoCode).description.lowercased()
        case ChannelError.connectTimeout: "no answer"
        case is ChannelError: "the connection ended too soon"
        case let error as TLSError: "TLS fails: \(UntrustedText.head(error.words, limit: 200))"
        case let error as OpenSSLError: "TLS fails: \(UntrustedText.head(error.description, limit: 200))"
        case let error as RuleBookError: UntrustedText.head(error.description, limit: 200)
        default: "it fails in an unknown way (\(type(of: error)))"
        }
    }
}
