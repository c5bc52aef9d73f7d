// One TCP connection from accept to close: who called, what was decided, its requests' references and its one
// alarm clock. Lives on the connection's event loop; HTTP/2 streams share it. It never touches bytes.
import Admission
import Dispatch
import Intake
import JSON
import Ledger
import NIOCore
import Settings

final class Connection {
    /// What the connection is doing, as far as time limits care.
    enum Phase: String {
        case proxyHeader = "proxy_header"
        case handshake
        /// The first bytes of a request have come, or the connection is new; the end of the header has not.
        case header
        /// At least one request is being read or answered; those have their own limits.
        case busy
        case idle
        /// Told to close.
        case closing
    }

    /// How long a caller may take to answer the closing of its connection.
    static let patience = TimeAmount.seconds(1)

    let listener: WebhookListener
    let channel: any NIOCore.Channel
    let place: OpenConnections.Place
    let accepted: NIODeadline

    private(set) var phase: Phase
    /// With a PROXY header it becomes what that says.
    private(set) var caller: Caller
    var tls: TLSFacts?
    /// A trusted proxy calls for itself (PROXY LOCAL), or does not know for whom (UNKNOWN): it may look whether the gate
    /// is there, and ask for its health.
    var isOfProxy = false
    var isHTTP2 = false
    /// Counts what comes in HTTP/1.1, once that is spoken.
    var input: RawByteCounter?
    /// Requests begun so far.
    private(set) var requests = 0
    /// Requests begun and not yet over.
    private(set) var open = 0
    /// The connection's end is already in the ledger, or needs no entry.
    private var isAccountedFor = false
    private let reference: String
    private var deadline: NIODeadline?
    /// When a connection whose end was announced is cut, whatever it is doing.
    private var lastMoment: NIODeadline?
    private var alarm: (at: NIODeadline, task: Scheduled<Void>)?

    init(
        listener: WebhookListener, channel: any NIOCore.Channel, caller: Caller,
        place: OpenConnections.Place, accepted: NIODeadline
    ) {
        self.listener = listener
        self.channel = channel
        self.caller = caller
        self.place = place
        self.accepted = accepted
        phase = .header
        reference = Reference.make()
    }
}

// Admission.
extension Connection {
    var peer: Endpoint? { caller.peer }
    /// On the connection as a whole, where there is one.
    var decision: Decision? { caller.decision }

    /// No request behind this one: its caller has shown a certificate a while ago, and is to show it again.
    var isOfAge: Bool { tls?.credential != nil && .now() - accepted >= listener.certificateAge }

    /// Decides on a source that holds for the whole connection. False: the caller may not go on.
    func decide(_ resolution: Resolution) -> Bool {
        caller.resolution = resolution
        caller.decision = listener.intake.admit(resolution, channel: .webhook)
        return caller.mayEnter(listener)
    }

    /// Decides on one request, whose headers `lines` gives by name. Lists may have changed or entries expired since the
    /// connection was accepted.
    func decide(lines: (String) -> [String]) -> Decision {
        if listener.isForwarded {
            let resolution = listener.resolver.resolve(peer: peer, lines: lines)
            return listener.intake.admit(resolution, channel: .webhook)
        }
        let unknown = Resolution(
            peer: peer, source: nil, failure: .addressUndeterminable, mode: listener.resolver.mode)
        return listener.intake.admit(caller.resolution ?? unknown, channel: .webhook)
    }
}

// The ledger.
extension Connection {
    /// The peer is a trusted proxy.
    var isFromProxy: Bool { peer.map { listener.resolver.isTrusted($0.ip) } ?? false }

    /// A trusted proxy has not said for whom it calls: it may only look whether the gate is there.
    var isLookOfProxy: Bool { decision == nil && isFromProxy }

    /// Its end is nothing to tell of, whoever comes to it first: a trusted proxy calls for itself, or has not sent a byte of a
    /// request. It has looked whether the gate is there, or kept a connection ready.
    private var endsUntold: Bool {
        isOfProxy || (isLookOfProxy && requests == 0 && !hasInput)
    }

    /// Bytes of a request have come (HTTP/1.1).
    var hasInput: Bool { (input?.reads ?? 0) > 0 }

    /// Notes what became of the connection as a whole; the first note is the only one.
    func note(_ reason: Reason, verdict: Verdict = .rejected, detail: [String: JSONValue] = [:]) {
        guard !isAccountedFor else { return }
        isAccountedFor = true
        var attempt = caller.attempt(
            reason, verdict: verdict, mode: listener.resolver.mode, detail: detail)
        attempt.credential = tls?.credential
        listener.intake.note(attempt)
    }

    /// The connection is gone. One that never brought a request leaves an entry, unless it was a trusted proxy's that was
    /// not used.
    func ended() {
        silence()
        guard requests == 0, !endsUntold else { return }
        note(
            phase == .handshake ? .tlsFailed : .incomplete,
            detail: ["error": "closed by the caller before a request was complete"])
    }

    /// The gate closes the connection for reasons of its own: its end needs no entry.
    func dismiss() { isAccountedFor = true }
}

// Requests.
extension Connection {
    /// Has a request answered that has arrived whole. It runs to its end even if the caller leaves.
    func handOn(_ received: ReceivedRequest) {
        let work = HandedOn(received, RequestProcessor(listener: listener), listener.connections)
        // To digest a large body would keep the others of the event loop waiting.
        if received.body.count <= Self.smallBody { work.run() } else { Self.large.async { work.run() } }
    }

    /// Bytes of a body that are digested on the event loop.
    private static let smallBody = 64 << 10
    private static let large = DispatchQueue(
        label: "large.bodies", attributes: .concurrent)

    /// A request's header is complete. Returns the reference for it.
    func requestBegan() -> String {
        requests += 1
        open += 1
        // Its end has been announced: that stands, whatever still comes.
        if phase != .closing {
            phase = .busy
            deadline = nil
        }
        return "\(reference)-\(requests)"
    }

    /// A request has been answered and its body is behind us, or it has failed.
    func requestEnded() {
        open -= 1
        guard open == 0, phase == .busy else { return }
        enter(.idle, until: .now() + TimeAmount(bounded: listener.settings.idleTimeout))
    }

    /// Nothing of a request has come. A balancer may keep a connection ready for as long as it may keep one between two requests:
    /// whoever it calls for is not known before the first.
    func awaitFirstRequest() {
        let settings = listener.settings
        if isLookOfProxy, !isOfProxy {
            enter(.idle, until: .now() + TimeAmount(bounded: settings.idleTimeout))
        } else {
            enter(.header, until: accepted + TimeAmount(bounded: settings.headerTimeout))
        }
    }

    /// Bytes came that did not complete a header (HTTP/1.1 on a kept-alive connection). Where they came with the request before, or
    /// while that was answered, the connection counts as idle until more of them come: nobody gains by that, for who sends nothing at
    /// all may stay as long.
    func headerBegan() {
        guard phase == .idle, !isHTTP2 else { return }
        enter(.header, until: .now() + TimeAmount(bounded: listener.settings.headerTimeout))
    }
}

// The clock. One alarm for the whole connection, moved lazily: a busy connection schedules nothing.
extension Connection {
    func enter(_ phase: Phase, until deadline: NIODeadline) {
        guard self.phase != .closing else { return }
        self.phase = phase
        self.deadline = deadline
        if let alarm, alarm.at <= deadline { return }
        alarm?.task.cancel()
        schedule(at: deadline)
    }

    private func schedule(at deadline: NIODeadline) {
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        alarm = (deadline, channel.eventLoop.scheduleTask(deadline: deadline) { bound.value.rang() })
    }

    private func rang() {
        alarm = nil
        guard let deadline else { return }
        guard deadline <= .now() else { return schedule(at: deadline) }
        expire()
    }

    private func expire() {
        switch phase {
        case .busy: break
        case .closing:
            // A request that slipped in while the end was announced (HTTP/2) has its time, but others after it have not.
            guard open == 0 || lastMoment.map({ $0 <= .now() }) ?? false else {
                return schedule(at: .now() + .seconds(1))
            }
            shut()
        case .idle:
            // Nothing wrong was done: the verdict stays. In forwarded modes there is no source to speak of.
            if let decision, !isOfProxy {
                note(.timeout, verdict: decision.verdict, detail: ["phase": .string(phase.rawValue)])
            }
            announceEnd()
        case .handshake where endsUntold, .header where endsUntold: shut()
        case .proxyHeader, .handshake, .header:
            note(.timeout, detail: ["phase": .string(phase.rawValue)])
            shut()
        }
    }

    /// Takes no further requests; what has begun is answered. HTTP/2 callers are told (GOAWAY).
    func announceEnd() {
        guard phase != .closing else { return }
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    /// The same behind what the event loop is doing: a stream of HTTP/2 that begins is not known to the connection yet.
    func announceEndSoon() {
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.eventLoop.execute { bound.value.announceEnd() }
    }

    /// Nothing more is waited for: the connection is closed at the latest after `time`.
    func close(within time: TimeAmount) {
        enter(.closing, until: .now() + time)
        lastMoment = lastMoment ?? .now() + time + TimeAmount(bounded: listener.settings.bodyTimeout)
    }

    /// Closes the connection in order. TLS waits for the caller's part of it, for `patience` at the most.
    func shut() {
        phase = .closing
        silence()
        channel.close(promise: nil)
    }

    /// No more alarms.
    func silence() {
        alarm?.task.cancel()
        alarm = nil
        deadline = nil
    }
}

extension TimeAmount {
    /// At most some seventy years: adding it to the clock cannot overflow, whatever the settings say.
    init(bounded duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let whole = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !whole.overflow else {
            self = .nanoseconds(Int64.max / 4)
            return
        }
        let sum = whole.partialValue.addingReportingOverflow(attoseconds / 1_000_000_000)
        self = .nanoseconds(min(sum.overflow ? .max : sum.partialValue, Int64.max / 4))
    }
}

/// References: random enough to be unique among all gates, short enough to be read out on the telephone.
enum Reference {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    static func make() -> String {
        var bits = UInt64.random(in: 0...UInt64.max)
        var text: [UInt8] = []
        text.reserveCapacity(12)
        for _ in 0..<12 {
            text.append(alphabet[Int(bits & 31)])
            bits >>= 5
        }
        return String(decoding: text, as: UTF8.self)
    }
}
