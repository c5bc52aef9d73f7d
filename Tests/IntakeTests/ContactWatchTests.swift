// Those who are expected to call and do not, over a clock of the test's own.
import Admission
import Foundation
import JSON
import Ledger
import LedgerSupport
import Logging
import Metering
import Support
import Synchronization
import Testing
import Upkeep

@testable import Intake

/// Makes a disk work again as soon as the gate says that it cannot write.
private struct MendingLog: LogHandler {
    let disk: FailingDisk
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        if "\(event.message)".hasPrefix("nothing is accepted") { disk.fails = false }
    }
}

@Suite struct ContactWatchTests {
    private final class Clock: Sendable {
        private let time: Mutex<Instant>
        init(_ start: Instant) { time = Mutex(start) }
        var now: Instant { time.withLock { $0 } }
        func pass(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
    }

    private struct Watched {
        let gate: TemporaryDirectory
        let clock: Clock

        init() throws {
            gate = try TemporaryDirectory("silence")
            clock = Clock(try #require(Instant(rfc3339: "2026-11-23T06:00:00Z")))
        }

        /// - Parameter disk: of the ledger.
        func open(
            expect: [Channel: ExpectedContact] = [.webhook: ExpectedContact(every: .seconds(3600))],
            disk: FailingDisk? = nil,
            logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) throws -> Intake {
            var entry = SourceEntry(
                list: "test", service: "vsee", cidr: try CIDRBlock("20.21.208.105"),
                channels: [.webhook, .sftp])
            entry.expect = expect
            var configuration = Intake.Configuration(
                node: "t", ledger: LedgerHandle(file: gate.file("ledger.sqlite")),
                stagingPath: gate.file("staging"))
            (configuration.reserveBytes, configuration.reserveInodes) = (1, 1)
            let clock = clock
            let policy = try Policy(entries: [entry])
            guard let disk else {
                return try Intake.open(configuration, policy: policy, logger: logger, clock: { clock.now })
            }
            let store = FailingStore(
                try configuration.ledger.open(node: configuration.node), disk: disk)
            return try Intake(
                configuration, store: store, policy: policy, logger: logger, clock: { clock.now })
        }

        func said() throws -> [String] {
            try LedgerHandle(file: gate.file("ledger.sqlite")).reader().entries(LedgerQuery()).compactMap {
                let entry = try $0.value()
                return entry["kind"] == "service" ? entry["reason"]?.string : nil
            }
        }
    }

    private static var call: Attempt {
        var attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        attempt.source = (try? IPAddress("20.21.208.105")).map { Endpoint(ip: $0) }
        attempt.entries = ["test/vsee"]
        return attempt
    }

    @Test func overdueContactIsSaidOnceAndSoIsItsReturn() async throws {
        let watched = try Watched()
        let intake = try watched.open()
        let service = try ContactWatch(intake)
        await service.look()
        watched.clock.pass(.seconds(3600))
        await service.look()
        #expect(try watched.said() == [])
        watched.clock.pass(.seconds(1))
        await service.look()
        await service.look()
        #expect(try watched.said() == ["silent"])
        #expect(
            intake.metrics.text.contains(#"dropgate_source_silent{entry="test/vsee",channel="webhook"} 1"#))
        try await intake.record(Self.call)
        await service.look()
        #expect(try watched.said() == ["silent", "heard"])
        #expect(
            intake.metrics.text.contains(#"dropgate_source_silent{entry="test/vsee",channel="webhook"} 0"#))
        await intake.close()
    }

    @Test func whatCannotBeRecordedWaitsForALedgerThatCanBeWritten() async throws {
        let watched = try Watched()
        let disk = FailingDisk()
        let intake = try watched.open(disk: disk)
        let service = try ContactWatch(intake)
        await service.look()
        watched.clock.pass(.seconds(3601))
        disk.fails = true
        await service.look()
        await service.look()
        #expect(try watched.said() == [])
        disk.fails = false
        await service.look()
        #expect(try watched.said() == ["silent"])
        try await intake.record(Self.call)
        await service.look()
        #expect(try watched.said() == ["silent", "heard"])
        await intake.close()
    }

    /// After a restart the last one that is recorded tells whether a source is silent.
    @Test func aReturnIsNotRecordedBeforeItsSilence() async throws {
        let watched = try Watched()
        let disk = FailingDisk()
        let intake = try watched.open(
            disk: disk, logger: Logger(label: "test") { _ in MendingLog(disk: disk) })
        let service = try ContactWatch(intake)
        await service.look()
        watched.clock.pass(.seconds(3601))
        disk.fails = true
        await service.look()
        #expect(try !disk.fails && watched.said() == [])
        try await intake.record(Self.call)
        disk.fails = true
        await service.look()
        #expect(try !disk.fails && watched.said() == [], "the second waits for the first")
        await service.look()
        #expect(try watched.said() == ["silent", "heard"])
        await intake.close()
    }

    @Test func probesRefusalsAndOtherChannelsAreNoContact() async throws {
        let watched = try Watched()
        let intake = try watched.open()
        let service = try ContactWatch(intake)
        await service.look()
        watched.clock.pass(.seconds(3601))
        var others = [Self.call, Self.call, Self.call]
        others[0].kind = .probe
        others[1].verdict = .rejected
        others[2].channel = .sftp
        for attempt in others { try await intake.record(attempt) }
        await service.look()
        #expect(try watched.said() == ["silent"])
        await intake.close()
    }

    @Test(arguments: [false, true])
    func aClockThatWasAheadHidesNoSilence(restarts: Bool) async throws {
        let watched = try Watched()
        let year = Duration.seconds(365 * 86400)
        func call(_ intake: Intake) async throws {
            try await intake.record(Self.call)
            watched.clock.pass(year)
            try await intake.record(Self.call)
            watched.clock.pass(.zero - year)
            // The ledger's times go on from the highest.
            try await intake.record(Self.call)
        }
        func watch(_ intake: Intake) async throws {
            let service = try ContactWatch(intake)
            await service.look()
            #expect(try !watched.said().contains("silent"))
            watched.clock.pass(.seconds(7200))
            await service.look()
            #expect(try watched.said().filter { $0 == "silent" }.count == 1)
            try await intake.record(Self.call)
            await service.look()
            #expect(try watched.said().last == "heard")
        }
        /// A life of the gate: it lets go of the ledger when it is over.
        func live(_ parts: ((Intake) async throws -> Void)...) async throws {
            let intake = try watched.open()
            for part in parts { try await part(intake) }
            await intake.close()
        }
        if restarts {
            try await live(call)
            try await live(watch)
        } else {
            try await live(call, watch)
        }
    }

    /// As before a time server has set it.
    @Test(arguments: [true, false])
    func aClockThatWasBehindIsNoSilence(hasCalled: Bool) async throws {
        let watched = try Watched()
        let intake = try watched.open()
        if hasCalled { try await intake.record(Self.call) }
        let service = try ContactWatch(intake)
        await service.look()
        watched.clock.pass(.seconds(-5 * 3600))
        await service.look()
        watched.clock.pass(.seconds(5 * 3600 + 300))
        await service.look()
        #expect(try watched.said() == [])
        watched.clock.pass(.seconds(3301))
        await service.look()
        #expect(try watched.said() == ["silent"])
        await intake.close()
    }

    @Test func aGateThatStartedWithAClockAheadHearsASilence() async throws {
        let watched = try Watched()
        watched.clock.pass(.seconds(86400))
        let intake = try watched.open()
        let service = try ContactWatch(intake)
        await service.look()
        watched.clock.pass(.seconds(-86400))
        await service.look()
        watched.clock.pass(.seconds(3601))
        await service.look()
        #expect(try watched.said().contains("silent"))
        await intake.close()
    }

    @Test func aRestartKnowsTheLastContactAndDoesNotRepeatItself() async throws {
        let watched = try Watched()
        /// A life of the gate: it lets go of the ledger when it is over.
        func live(_ body: (Intake) async throws -> Void) async throws {
            let intake = try watched.open()
            try await body(intake)
            await intake.close()
        }
        try await live { try await $0.record(Self.call) }
        watched.clock.pass(.seconds(1800))
        try await live { intake in
            try await ContactWatch(intake).look()
            #expect(try watched.said() == [])
            watched.clock.pass(.seconds(1801))
            try await ContactWatch(intake).look()
            #expect(try watched.said() == ["silent"])
        }
        watched.clock.pass(.seconds(60))
        try await live { intake in
            try await ContactWatch(intake).look()
            #expect(try watched.said() == ["silent"])
            try await intake.record(Self.call)
            try await ContactWatch(intake).look()
            #expect(try watched.said() == ["silent", "heard"])
        }
    }

    @Test func nightsAreNoSilence() async throws {
        let watched = try Watched()
        let office = ExpectedContact(every: .seconds(4 * 3600), hours: 480..<1080, zone: "Asia/Qatar")
        let intake = try watched.open(expect: [.webhook: office])
        let service = try ContactWatch(intake)
        watched.clock.pass(.seconds(8 * 3600))
        try await intake.record(Self.call)  // 14:00 UTC, an hour before closing
        await service.look()
        watched.clock.pass(.seconds(17 * 3600))  // 07:00 UTC, two hours after opening
        await service.look()
        #expect(try watched.said() == [])
        watched.clock.pass(.seconds(3601))
        await service.look()
        #expect(try watched.said() == ["silent"])
        await intake.close()
    }
}
