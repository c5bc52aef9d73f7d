// When the clock is believed that says that the time of something is over.
import Admission
import Ledger
import Support
import Synchronization
import Testing
import Upkeep

@testable import Intake

@Suite struct AgeClockTests {
    private static let day = Duration.seconds(86_400)

    private final class Uptime: Sendable {
        private let time = Mutex(Duration.seconds(1000))
        var now: Duration { time.withLock { $0 } }
        func pass(_ duration: Duration) { time.withLock { $0 += duration } }
        /// The machine starts.
        func begin() { time.withLock { $0 = .seconds(10) } }
    }

    @Test func afterALeapAheadNothingIsOldForADay() async throws {
        let (clock, uptime) = (TestClock(), Uptime())
        func pass(_ duration: Duration, real: Duration? = nil) {
            clock.pass(duration)
            uptime.pass(real ?? duration)
        }
        let gate = try Gate(clock: clock)
        let ages = AgeClock(gate.intake) { uptime.now }
        #expect(ages.isBelieved())
        pass(.seconds(3600))
        #expect(ages.isBelieved())
        pass(Self.day * 40)
        #expect(ages.isBelieved(), "both clocks say that the machine slept")
        pass(Self.day, real: .zero)
        #expect(ages.isBelieved(), "a day is no leap")
        pass(Self.day * 3650, real: .seconds(60))
        #expect(!ages.isBelieved())
        pass(.zero - Self.day * 3650, real: .seconds(60))
        #expect(!ages.isBelieved(), "put right again, it is still looked at")
        pass(Self.day - .seconds(120))
        #expect(!ages.isBelieved())
        pass(.seconds(60))
        #expect(ages.isBelieved())
        await gate.intake.close()
    }

    @Test func aStartLongAfterTheLastEntryIsALeap() async throws {
        let (clock, uptime) = (TestClock(), Uptime())
        let directory = try TemporaryDirectory("gate")
        func live(_ body: (Gate) async throws -> Void) async throws {
            let gate = try Gate(directory, clock: clock)
            try await body(gate)
            await gate.intake.close()
        }
        try await live {
            try await $0.intake.record(
                Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
        }
        for (off, isBelieved) in [(Duration.seconds(3600), true), (Self.day * 3650, false)] {
            clock.pass(off)
            try await live { gate in
                let ages = AgeClock(gate.intake) { uptime.now }
                #expect(ages.isBelieved() == isBelieved)
                if !isBelieved {
                    clock.pass(Self.day)
                    uptime.pass(Self.day)
                    #expect(ages.isBelieved(), "the clock was right: the gate was off")
                }
            }
        }
    }

    /// After one that was put right the ledger's own time is ahead.
    @Test func aLeapIsSeenAlsoWhileTheLedgerIsAheadOfTheClock() async throws {
        let (clock, uptime) = (TestClock(), Uptime())
        let directory = try TemporaryDirectory("gate")
        func live(_ leap: Duration, isBelieved: Bool) async throws {
            let gate = try Gate(directory, clock: clock)
            let ages = AgeClock(gate.intake) { uptime.now }
            #expect(ages.isBelieved() == isBelieved)
            for pass in [leap, .zero - leap] {
                clock.pass(pass)
                try await gate.intake.record(
                    Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
            }
            await gate.intake.close()
        }
        try await live(Self.day * 3650, isBelieved: true)
        clock.pass(.seconds(3600))
        try await live(.zero, isBelieved: true)
        clock.pass(Self.day * 365)
        try await live(.zero, isBelieved: false)
    }

    /// A machine whose gate remembers leaps.
    private struct Machine {
        let clock = TestClock()
        let uptime = Uptime()
        let kept = Memory()
        let directory: TemporaryDirectory

        final class Memory: Sendable {
            private let bytes = Mutex<[UInt8]?>(nil)
            var content: [UInt8]? {
                get { bytes.withLock(\.self) }
                set { bytes.withLock { $0 = newValue } }
            }
        }

        init() throws { directory = try TemporaryDirectory("gate") }

        func pass(_ duration: Duration) {
            clock.pass(duration)
            uptime.pass(duration)
        }

        /// Its uptime begins anew.
        func start(afterBeingOff duration: Duration) {
            clock.pass(duration)
            uptime.begin()
        }

        /// A run of the gate.
        func live(boot: String? = "a", _ body: (AgeClock) async throws -> Void) async throws {
            let gate = try Gate(directory, clock: clock)
            let (uptime, kept) = (uptime, kept)
            let memory = AgeClock.Memory(
                boot: boot, read: { kept.content }, keep: { bytes in kept.content = bytes })
            let ages = AgeClock(gate.intake, memory: memory) { uptime.now }
            try await gate.intake.record(
                Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
            try await body(ages)
            await gate.intake.close()
        }
    }

    /// By then the ledger has entries of the time that the clock had.
    @Test func aLeapIsRememberedOverRestarts() async throws {
        let machine = try Machine()
        try await machine.live { #expect($0.isBelieved()) }
        #expect(machine.kept.content == nil)
        machine.clock.pass(Self.day * 3650)
        try await machine.live { #expect(!$0.isBelieved()) }
        machine.pass(Self.day / 2)
        try await machine.live { #expect(!$0.isBelieved()) }
        machine.pass(Self.day / 4)
        try await machine.live { ages in
            #expect(!ages.isBelieved())
            machine.pass(Self.day / 4 + .seconds(5))
            #expect(ages.isBelieved())
        }
        #expect(machine.kept.content == nil)
        try await machine.live { #expect($0.isBelieved()) }
        for unreadable in ["", "{}", #"{"boot":"b"}"#] {
            machine.kept.content = Array(unreadable.utf8)
            try await machine.live { #expect(!$0.isBelieved(), "what cannot be read is a doubt") }
        }
    }

    /// As of a machine that is switched off each evening.
    @Test func whatPassesWhileAGateRunsAddsUpOverTheStartsOfItsMachine() async throws {
        let machine = try Machine()
        try await machine.live { #expect($0.isBelieved()) }
        machine.clock.pass(Self.day * 3650)
        for day in 1...4 {
            machine.start(afterBeingOff: Self.day / 2)
            try await machine.live(boot: "\(day)") { ages in
                #expect(!ages.isBelieved(), "day \(day): nobody knows for how long it was off")
                // Eight hours.
                for _ in 0..<(8 * 6) {
                    machine.pass(.seconds(600))
                    let isBelieved = ages.isBelieved()
                    #expect(!isBelieved || day == 4)
                }
                #expect(ages.isBelieved() == (day == 4))
            }
        }
        #expect(machine.kept.content == nil)
    }

    @Test func whereTheStartsOfTheMachineAreNotToldApartEachStartOfTheGateMayBeOne() async throws {
        let machine = try Machine()
        try await machine.live(boot: nil) { #expect($0.isBelieved()) }
        machine.clock.pass(Self.day * 3650)
        try await machine.live(boot: nil) { ages in
            machine.pass(Self.day * 3 / 4)
            #expect(!ages.isBelieved())
        }
        machine.start(afterBeingOff: .zero)
        try await machine.live(boot: nil) { ages in
            machine.pass(Self.day / 8)
            #expect(!ages.isBelieved())
            machine.pass(Self.day / 4)
            #expect(ages.isBelieved(), "a quarter was left, by whatever uptime")
        }
    }

    @Test func aLeapAfterAStartOfTheMachineBeginsTheDayAnew() async throws {
        let machine = try Machine()
        try await machine.live { #expect($0.isBelieved()) }
        machine.clock.pass(Self.day * 3650)
        try await machine.live { ages in
            machine.pass(Self.day * 3 / 4)
            #expect(!ages.isBelieved())
        }
        machine.start(afterBeingOff: Self.day * 365)
        try await machine.live(boot: "b") { ages in
            machine.pass(Self.day * 3 / 4)
            #expect(!ages.isBelieved())
            machine.pass(Self.day / 4)
            #expect(ages.isBelieved())
        }
    }
}
