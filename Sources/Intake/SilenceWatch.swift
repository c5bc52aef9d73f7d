// Listens for those who are expected to call: an entry whose contact is overdue gets a ledger entry, a metric and a
// warning, and another entry when it calls again. It admits and rejects nobody.
import Admission
import Ledger
import Logging
import ServiceLifecycle
import Synchronization

/// The last contact of each expected source, kept as attempts are recorded.
package final class SilenceWatch: Sendable {
    /// A source entry on one channel.
    struct Line: Hashable, Sendable {
        var entry: String
        var channel: Channel
    }

    private struct Ear {
        var expectation: ExpectedContact
        /// The last contact; nil: none is known.
        var last: Instant?
        /// Counted from here while there was none.
        var since: Instant
        var isSilent = false
    }

    private let ears = Mutex<[Line: Ear]>([:])

    init() {}

    /// Something was recorded. Cheap where nobody is expected.
    func heard(_ attempt: Attempt, at time: Instant) {
        guard let channel = attempt.channel, LedgerReader.isContact(attempt) else { return }
        ears.withLock { ears in
            guard !ears.isEmpty else { return }
            for entry in attempt.entries { Self.note(time, Line(entry: entry, channel: channel), &ears) }
        }
    }

    /// Contacts may come to be known in any order.
    private static func note(_ time: Instant, _ line: Line, _ ears: inout [Line: Ear]) {
        guard let ear = ears[line] else { return }
        ears[line]?.last = ear.last.map { max($0, time) } ?? time
    }

    /// Follows the policy: new expectations begin with what `lastHeard` knows, those that are gone are forgotten.
    func follow(
        _ policy: Policy, now: Instant, lastHeard: (SourceEntry, Channel) -> (last: Instant?, isSilent: Bool)
    ) {
        var expected: [Line: (SourceEntry, ExpectedContact)] = [:]
        for entry in policy.entries where entry.expires.map({ $0 > now }) ?? true {
            for (channel, expectation) in entry.expect {
                expected[Line(entry: entry.id, channel: channel)] = (entry, expectation)
            }
        }
        let known = ears.withLock { ears in
            ears = ears.filter { expected[$0.key] != nil }
            for line in ears.keys {
                ears[line]?.expectation = expected[line]?.1 ?? ExpectedContact(every: .zero)
            }
            return Set(ears.keys)
        }
        for (line, (entry, expectation)) in expected where !known.contains(line) {
            // It listens before the ledger is asked, so that no call falls between.
            ears.withLock { $0[line] = Ear(expectation: expectation, since: now) }
            let heard = lastHeard(entry, line.channel)
            ears.withLock { ears in
                if let last = heard.last { Self.note(last, line, &ears) }
                ears[line]?.isSilent = heard.isSilent
            }
        }
    }

    /// What has changed since the last look: lines that have fallen silent or are heard again, sorted.
    func changes(now: Instant) -> [(line: Line, isSilent: Bool, last: Instant?, expectation: ExpectedContact)]
    {
        ears.withLock { ears in
            var changes: [(line: Line, isSilent: Bool, last: Instant?, expectation: ExpectedContact)] = []
            for line in ears.keys.sorted(by: {
                ($0.entry, $0.channel.rawValue) < ($1.entry, $1.channel.rawValue)
            }) {
                guard var ear = ears[line] else { continue }
                let expectation = ear.expectation
                let waited = expectation.elapsed(from: ear.last ?? ear.since, to: now)
                // Who never called does not end a silence by our not knowing since when.
                let isSilent = waited > expectation.every || (ear.isSilent && ear.last == nil)
                guard isSilent != ear.isSilent else { continue }
                ear.isSilent = isSilent
                ears[line] = ear
                changes.append((line, isSilent, ear.last, expectation))
            }
            return changes
        }
    }

    /// For /metrics.
    func readings() -> [(line: Line, isSilent: Bool, last: Instant?)] {
        ears.withLock { ears in
            ears.sorted { ($0.key.entry, $0.key.channel.rawValue) < ($1.key.entry, $1.key.channel.rawValue) }
                .map { ($0.key, $0.value.isSilent, $0.value.last) }
        }
    }
}

/// Looks every few seconds whether somebody is overdue.
package struct SilenceService: Service {
    private static let interval = Duration.seconds(5)
    /// How far back a silence that was announced is looked for, where there was no contact at all.
    private static let memory = Duration.seconds(30 * 86_400)

    private let intake: Intake
    private let reader: LedgerReader

    package init(_ intake: Intake) throws {
        self.intake = intake
        reader = try LedgerReader(path: intake.configuration.ledgerPath)
        let watch = intake.silence
        intake.gauges.add(
            "dropgate_source_silent", "1 while the expected contact of a source entry is overdue."
        ) {
            watch.readings().map { Gauges.Reading($0.isSilent ? 1 : 0, labels: $0.line.labels) }
        }
        intake.gauges.add(
            "dropgate_source_last_contact_timestamp_seconds", "The last contact of an expected source entry."
        ) {
            watch.readings().compactMap { reading in
                reading.last.map { Gauges.Reading($0.microseconds / 1_000_000, labels: reading.line.labels) }
            }
        }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await look()
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// One look.
    package func look() async {
        intake.silence.follow(intake.policy, now: intake.now, lastHeard: lastHeard)
        for change in intake.silence.changes(now: intake.now) {
            let what = "\(change.line.entry) on \(change.line.channel.rawValue)"
            let last = change.last.map { "last heard \($0)" } ?? "never heard"
            let message =
                change.isSilent
                ? "\(what) is silent: expected \(change.expectation.summary), \(last)"
                : "\(what) is heard again"
            intake.logger.log(level: change.isSilent ? .warning : .notice, "\(message)")
            var attempt = Attempt(
                kind: .service, channel: change.line.channel,
                verdict: change.isSilent ? .observed : .accepted,
                reason: change.isSilent ? .silent : .heard)
            attempt.entries = [change.line.entry]
            attempt.policy = intake.policy.version
            attempt.detail["message"] = .string(message)
            attempt.detail["last"] = change.last.map { .string($0.description) }
            attempt.detail["expected"] = .string(change.expectation.summary)
            do {
                try await intake.record(attempt)
            } catch {
                intake.logger.error("that could not be recorded: \(error)")
            }
        }
    }

    /// What the ledger says: the last contact, and whether the silence since was announced before a restart.
    private func lastHeard(_ entry: SourceEntry, _ channel: Channel) -> (last: Instant?, isSilent: Bool) {
        do {
            let last = try reader.lastContact(entry, on: channel)
            var query = LedgerQuery()
            query.order = .newestFirst
            query.limit = 1
            query.entries = [entry.id]
            query.channels = [channel]
            query.kinds = [.service]
            query.reasons = [.silent, .heard]
            query.since = last ?? intake.now - Self.memory
            let announced = try reader.entries(query).first.map { try $0.value()["reason"]?.string }
            return (last, announced == Reason.silent.rawValue)
        } catch {
            intake.logger.error("the last contact of \(entry.id) cannot be read: \(error)")
            return (nil, false)
        }
    }
}

extension SilenceWatch.Line {
    fileprivate var labels: [(name: String, value: String)] {
        [("entry", entry), ("channel", channel.rawValue)]
    }
}
