// One entry that stands for many rejections: it says what all of them have in common, and of what differs how much there
// was, with a few examples.
import Admission
import JSON
import Ledger

struct CoalescedAttempt {
    private var common: Attempt
    private let network: CIDRBlock?
    private var addresses = Distinct<String>()
    private var peers = Distinct<String>()
    private var accounts = Distinct<String>()
    private var credentials = Distinct<String>()
    private var lists = Distinct<[String]>()
    /// Why events were not held (`NotHeld`), of the attempts that say so.
    private var notHeld = Distinct<String>()

    /// Counts nothing yet. `network`: where all of them come from, when that is not one address.
    init(like attempt: Attempt, network: CIDRBlock?) {
        self.network = network
        common = Attempt(
            kind: attempt.kind, channel: attempt.channel, verdict: attempt.verdict, reason: attempt.reason)
        common.addressMode = attempt.addressMode
        common.policy = attempt.policy
        common.count = 0
    }

    /// Adds one attempt, which may itself stand for many.
    mutating func add(_ attempt: Attempt, at now: Instant) {
        common.first = min(common.first ?? attempt.first ?? now, attempt.first ?? now)
        common.last = attempt.last ?? now
        common.count += attempt.count
        addresses.add(attempt.source?.ip.description)
        if attempt.peer?.ip != attempt.source?.ip { peers.add(attempt.peer?.ip.description) }
        accounts.add(attempt.account)
        credentials.add(attempt.credential)
        lists.add(attempt.entries)
        let words =
            attempt.detail[Attempt.notHeldMember].map { [$0] } ?? attempt.detail["not_held_examples"]?.array
        for word in words ?? [] { notHeld.add(word.string) }
        if common.policy != attempt.policy { common.policy = nil }
        if attempt.detail["coalesced"] != nil { addInner(attempt.detail) }
    }

    /// One that could not be written and is counted again.
    private mutating func addInner(_ detail: [String: JSONValue]) {
        for example in detail["examples"]?.array ?? [] { addresses.add(example.string) }
        if let count = detail["addresses"]?.int, Int(count) > addresses.count { addresses.isMore = true }
    }

    /// As it is written.
    var attempt: Attempt {
        var attempt = common
        var detail: [String: JSONValue] = ["coalesced": .bool(true)]
        attempt.source = addresses.single.flatMap { try? IPAddress($0) }.map { Endpoint(ip: $0) }
        attempt.peer = peers.single.flatMap { try? IPAddress($0) }.map { Endpoint(ip: $0) }
        attempt.account = accounts.single
        attempt.credential = credentials.single
        attempt.entries = lists.single ?? []
        if addresses.single == nil, addresses.count > 0 {
            if let network { detail["network"] = .string(network.description) }
            addresses.tell("addresses", "examples", &detail)
        }
        if let why = notHeld.single {
            detail[Attempt.notHeldMember] = .string(why)
        } else {
            notHeld.tell("not_held_reasons", "not_held_examples", &detail)
        }
        if accounts.single == nil { accounts.tell("accounts", "account_examples", &detail) }
        if credentials.single == nil { credentials.tell("credentials", "credential_examples", &detail) }
        attempt.detail = detail
        return attempt
    }
}

/// How many different values there were, up to a bound, and the first few of them.
private struct Distinct<Value: Hashable> {
    /// Anybody can add to it, so it is bounded: 1,024 addresses of 40 bytes in each of 100 networks are 4 MB.
    private static var most: Int { 1024 }
    private static var mostExamples: Int { 5 }

    private var seen: Set<Value> = []
    private(set) var examples: [Value] = []
    /// Some attempts had none.
    private var hasNone = false
    /// There were more than `count`.
    var isMore = false

    var count: Int { seen.count }
    /// The one value that all had.
    var single: Value? { seen.count == 1 && !hasNone && !isMore ? examples.first : nil }

    mutating func add(_ value: Value?) {
        guard let value else {
            hasNone = true
            return
        }
        if seen.contains(value) { return }
        guard seen.count < Self.most else {
            isMore = true
            return
        }
        seen.insert(value)
        if examples.count < Self.mostExamples { examples.append(value) }
    }
}

extension Distinct<String> {
    /// `"<count>": 12`, with `"more_than": true` where it was not counted further, and the examples.
    func tell(_ name: String, _ exampleName: String, _ detail: inout [String: JSONValue]) {
        guard count > 0 else { return }
        detail[name] = .int(Int64(count))
        if isMore { detail["\(name)_or_more"] = .bool(true) }
        detail[exampleName] = .array(examples.map { .string($0) })
    }
}
