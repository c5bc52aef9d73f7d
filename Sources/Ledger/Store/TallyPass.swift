// The counting of one pass over entries. Texts that come again and again are turned into values once. Pure.
import Admission
import Foundation
import JSON

struct TallyPass {
    private(set) var tally = LedgerTally()
    private let period: LedgerPeriod
    /// In microseconds.
    private let step: Int64
    private let bounds: LedgerTally.Bounds
    private var addresses: [[UInt8]: IPAddress] = [:]
    private var lists: [[UInt8]: [String]] = [:]
    private var notable: [EntryKind: Int] = [:]
    /// Sources that are told apart; how many of them were strangers when they came first.
    private var apart: Set<IPAddress> = []
    private var strangers = 0
    private var networks: Set<CIDRBlock> = []

    /// Texts of addresses that are remembered: as many as somebody likes may come.
    private static let mostAddresses = 1 << 16

    init(period: LedgerPeriod, step: Int64, bounds: LedgerTally.Bounds) {
        self.period = period
        self.step = step
        self.bounds = bounds
    }

    /// - Parameter known: the time, where a column has it.
    mutating func take(_ seq: Int64, _ known: Int64?, _ json: UnsafeRawBufferPointer) {
        guard let scan = EntryScan(json), let kind: EntryKind = word(scan.kind),
            let verdict: Verdict = word(scan.verdict), let reason: Reason = word(scan.reason),
            let time = known.map(Instant.init(microseconds:)) ?? EntryScan.instant(scan.time)
        else { return }
        let clock = EntryScan.instant(scan.clock)
        guard period.contains(time, clock: clock) else { return }
        var count = LedgerTally.Count(time)
        let attempts = Self.attempts(scan)
        count.attempts = attempts
        tally.entries += 1
        tally.seqs = min(seq, tally.seqs?.lowerBound ?? seq)...max(seq, tally.seqs?.upperBound ?? seq)
        if [.policy, .service, .access].contains(kind) {
            // A collector's looks and acknowledgements are of drops, not of the ledger. There are as many as drops: they would
            // take the room of the exports.
            if kind == .access, ![.exported, .exportedInPart].contains(reason) { return }
            return note(kind, StoredEntry(seq: seq, time: time, json: Array(json)))
        }
        // What the gate's own machine or a probe did to look whether it works is nobody's attempt.
        if kind == .probe { return }
        tally.attempts += attempts
        addSteps(shown(clock ?? time).microseconds, verdict, attempts)
        add(scan, count, kind, verdict, reason)
    }

    /// An altered entry may say anything; the sum of all must not overflow.
    private static func attempts(_ scan: EntryScan) -> Int64 { min(max(0, scan.count), 1 << 36) }

    /// The chart has no place outside of the period.
    private func shown(_ time: Instant) -> Instant {
        let end = period.until.map { min(time, $0 - .microseconds(1)) } ?? time
        return period.since.map { max(end, $0) } ?? end
    }

    private mutating func addSteps(_ time: Int64, _ verdict: Verdict, _ attempts: Int64) {
        func number(_ step: Int64) -> Int64 {
            let (number, rest) = time.quotientAndRemainder(dividingBy: step)
            return rest < 0 ? number - 1 : number
        }
        tally.days[number(LedgerTally.day), default: [:]][verdict, default: 0] += attempts
        tally.steps[number(step), default: [:]][verdict, default: 0] += attempts
    }

    private mutating func add(
        _ scan: EntryScan, _ count: LedgerTally.Count, _ kind: EntryKind, _ verdict: Verdict, _ reason: Reason
    ) {
        let source = scan.ip.flatMap { address($0) }
        let names = scan.entries.map { list($0) } ?? []
        let channel: Channel? = word(scan.channel)
        var caller = LedgerTally.Caller.unknown
        if let source {
            let isStranger = verdict == .rejected && names.isEmpty
            caller = told(source, isStranger: isStranger, count.attempts)
        }
        let group = LedgerTally.Group(
            caller: caller, channel: channel, kind: kind, verdict: verdict, reason: reason)
        Self.add(count, to: &tally.groups[group])
        for id in names {
            let match = LedgerTally.Match(
                entry: id, source: source, channel: channel, verdict: verdict, reason: reason)
            Self.add(count, to: &tally.matched[match])
        }
        if kind == .login, verdict != .rejected {
            let login = LedgerTally.Login(
                account: text(scan.account), credential: text(scan.credential), source: source)
            Self.add(count, to: &tally.logins[login])
        }
        // Only requests were read far enough to be told.
        if kind == .request, verdict == .rejected, source != nil, let detail = scan.detail,
            String(decoding: detail, as: UTF8.self).contains("\"vsee_shaped\":true")
        {
            tally.shaped[caller, default: 0] += count.attempts
        }
    }

    /// How the attempts of a source are counted. Who is listed or was let in stands alone: there are as many as the lists name.
    /// Strangers are as many as somebody likes: ten new ones a second have entries, all from one IPv6 network if need be.
    private mutating func told(
        _ source: IPAddress, isStranger: Bool, _ attempts: Int64
    ) -> LedgerTally.Caller {
        if apart.contains(source) { return .source(source) }
        if !isStranger || strangers < bounds.sources {
            if isStranger { strangers += 1 }
            apart.insert(source)
            return .source(source)
        }
        tally.untold += attempts
        let network = CIDRBlock(networkOf: source)
        if networks.contains(network) { return .network(network) }
        guard networks.count < bounds.networks else { return .unknown }
        networks.insert(network)
        return .network(network)
    }

    private mutating func note(_ kind: EntryKind, _ entry: StoredEntry) {
        guard notable[kind, default: 0] < LedgerTally.notableLimit else {
            tally.leftOut[kind, default: 0] += 1
            return
        }
        notable[kind, default: 0] += 1
        tally.notable.append(entry)
    }

    private static func add(_ count: LedgerTally.Count, to sum: inout LedgerTally.Count?) {
        if sum == nil { sum = count } else { sum?.add(count) }
    }

    private func word<Word: RawRepresentable>(_ text: EntryScan.Text?) -> Word?
    where Word.RawValue == String {
        text.flatMap { Word(rawValue: String(decoding: $0, as: UTF8.self)) }
    }

    private func text(_ text: EntryScan.Text?) -> String {
        guard let text else { return "" }
        if !text.contains(0x5C) { return String(decoding: text, as: UTF8.self) }
        return (try? JSONValue(parsing: [0x22] + Array(text) + [0x22]).string) ?? ""
    }

    private mutating func address(_ text: EntryScan.Text) -> IPAddress? {
        let bytes = Array(text)
        if let known = addresses[bytes] { return known }
        let address = try? IPAddress(String(decoding: bytes, as: UTF8.self))
        if addresses.count >= Self.mostAddresses { addresses.removeAll(keepingCapacity: true) }
        addresses[bytes] = address
        return address
    }

    private mutating func list(_ raw: EntryScan.Text) -> [String] {
        let bytes = Array(raw)
        if let known = lists[bytes] { return known }
        let names = (try? JSONValue(parsing: bytes).array?.compactMap(\.string)) ?? []
        lists[bytes] = names
        return names
    }
}
