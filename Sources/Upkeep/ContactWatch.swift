// Tells when a source that is expected to call has not: an entry, a warning and a metric, and another entry when it calls
// again. It admits and rejects nobody.
import Admission
import Blocking
package import Intake
import JSON
import Ledger
import Logging
import Metering
import ServiceLifecycle
import Synchronization

/// Looks every few seconds whether somebody is overdue.
package final class ContactWatch: Service {
    private static let interval = Duration.seconds(5)
    /// How far back a silence that was announced is looked for, where there was no contact at all.
    private static let memory = Duration.seconds(30 * 86_400)
    /// Entries that wait for a ledger that cannot be written: more than there are expected sources.
    private static let mostWaiting = 1024

    private let intake: Intake
    private let reader: any LedgerReading
    private let unrecorded = Mutex<[Attempt]>([])
    /// It looks into the ledger.
    private let executor = BlockingExecutor(label: "contact watch", width: 1)

    package init(_ intake: Intake) throws {
        self.intake = intake
        reader = try intake.ledger.reader()
        let monitor = intake.contacts
        intake.metrics.add(
            "dropgate_source_silent", "1 while the expected contact of a source entry is overdue."
        ) {
            monitor.readings().map { MetricRegistry.Reading($0.isSilent ? 1 : 0, labels: $0.key.labels) }
        }
        intake.metrics.add(
            "dropgate_source_last_contact_timestamp_seconds", "The last contact of an expected source entry."
        ) {
            monitor.readings().compactMap { reading in
                reading.last.map {
                    MetricRegistry.Reading($0.microseconds / 1_000_000, labels: reading.key.labels)
                }
            }
        }
    }

    package func run() async throws {
        await withTaskExecutorPreference(executor) {
            await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    await self.look()
                    try? await Task.sleep(for: Self.interval)
                }
            }
        }
    }

    /// One look. What cannot be recorded is tried again by the next one.
    package func look() async {
        intake.contacts.follow(intake.policy, now: intake.now, lastHeard: lastHeard)
        let told = intake.contacts.changes(now: intake.now).map(tell)
        let waiting = unrecorded.withLock { unrecorded in
            defer { unrecorded = [] }
            return Array((unrecorded + told).suffix(Self.mostWaiting))
        }
        for (index, attempt) in waiting.enumerated() {
            // Why it cannot be recorded, those who write the ledger tell.
            do { try await intake.record(attempt) } catch {
                // Those behind it wait, too: after a restart the last one that is recorded tells whether a source is silent.
                return unrecorded.withLock { $0.insert(contentsOf: waiting[index...], at: 0) }
            }
        }
    }

    /// Says it in the log, and returns its entry.
    private func tell(_ change: ContactMonitor.Change) -> Attempt {
        let what = "\(change.key.entry) on \(change.key.channel.rawValue)"
        let last = change.last.map { "last heard \($0)" } ?? "never heard"
        let message =
            change.isSilent
            ? "\(what) is silent: expected \(change.expectation.summary), \(last)"
            : "\(what) is heard again"
        intake.logger.log(level: change.isSilent ? .warning : .notice, "\(message)")
        var attempt = Attempt(
            kind: .service, channel: change.key.channel,
            verdict: change.isSilent ? .observed : .accepted,
            reason: change.isSilent ? .silent : .heard)
        attempt.entries = [change.key.entry]
        attempt.policy = intake.policy.version
        attempt.detail["message"] = .string(message)
        attempt.detail["last"] = change.last.map { .string($0.description) }
        attempt.detail["expected"] = .string(change.expectation.summary)
        return attempt
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

extension ContactMonitor.ContactKey {
    fileprivate var labels: [(name: String, value: String)] {
        [("entry", entry), ("channel", channel.rawValue)]
    }
}
