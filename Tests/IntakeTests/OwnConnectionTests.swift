// What the gate's own machine does to look after the gate: recorded as a probe, and nobody's attempt.
import Admission
import JSON
import Ledger
import Metering
import Synchronization
import Testing

@testable import Intake

@Suite struct OwnConnectionTests {
    private func attempt(_ kind: EntryKind, port: UInt16, from ip: String = "127.0.0.1") throws -> Attempt {
        var attempt = Attempt(kind: kind, channel: .webhook, verdict: .rejected, reason: .notListed)
        attempt.source = Endpoint(ip: try IPAddress(ip), port: port)
        attempt.peer = attempt.source
        return attempt
    }

    private func entries(_ gate: Gate) async throws -> [String] {
        await gate.intake.close()
        return try gate.intake.ledger.reader().entries(LedgerQuery()).map {
            let value = try $0.value()
            return "\(value["kind"]?.string ?? "") \(value["detail"]?["kind"]?.string ?? "-")"
        }
    }

    private func total(_ gate: Gate) -> [String] {
        gate.intake.metrics.text.split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("dropgate_attempts_total") && !$0.hasSuffix(" 0") }
    }

    @Test func whatWasAnnouncedIsAProbeAndCountsNowhere() async throws {
        let gate = try Gate()
        let ip = try IPAddress("127.0.0.1")
        gate.intake.ownConnections.expect(from: Endpoint(ip: ip, port: 4000))
        gate.intake.note(try attempt(.connection, port: 4000))
        try await gate.intake.record(try attempt(.login, port: 4000))
        #expect(total(gate).isEmpty)
        let tally = try gate.intake.ledger.reader().tally(0..<2)
        #expect(tally.attempts == 0 && tally.groups.isEmpty && tally.entries == 2)
        #expect(try await entries(gate) == ["probe connection", "probe login"])
    }

    @Test(arguments: [(UInt16(4001), "127.0.0.1"), (4000, "127.0.0.2")])
    func anyOtherEndIsACaller(port: UInt16, ip: String) async throws {
        let gate = try Gate()
        gate.intake.ownConnections.expect(from: Endpoint(ip: try IPAddress("127.0.0.1"), port: 4000))
        gate.intake.note(try attempt(.connection, port: port, from: ip))
        #expect(
            total(gate) == [
                "dropgate_attempts_total{channel=\"webhook\",verdict=\"rejected\",reason=\"not_listed\"} 1"
            ])
        #expect(try await entries(gate) == ["connection -"])
    }

    /// Behind a proxy of its own machine the source is another one, and the socket's other end is still the probe's.
    @Test func behindAProxyHeaderTheSocketTellsWhoCalls() async throws {
        let gate = try Gate()
        gate.intake.ownConnections.expect(from: Endpoint(ip: try IPAddress("127.0.0.1"), port: 4000))
        var attempt = try attempt(.request, port: 4000)
        attempt.source = Endpoint(ip: try IPAddress("198.51.100.7"))
        gate.intake.note(attempt)
        #expect(try await entries(gate) == ["probe request"])
    }

    @Test func whatWasStoredStaysWhatItIs() throws {
        var stored = try attempt(.request, port: 1)
        stored.drop = DropFacts(id: "01k", name: "n", bytes: 1, sha256: nil)
        #expect(stored.asOwn == stored)
        let transfer = try attempt(.transfer, port: 1)
        #expect(transfer.asOwn == transfer)
    }

    /// Ports 1 to `count`, a millisecond after each other.
    private func announce(
        _ count: UInt16, from ip: IPAddress, to own: OwnConnections,
        _ time: borrowing Mutex<ContinuousClock.Instant>
    ) {
        for port in 1...count {
            time.withLock { $0 += .milliseconds(1) }
            own.expect(from: Endpoint(ip: ip, port: port))
        }
    }

    @Test func anAnnouncementHoldsForSomeTimeAndForSoManyAtOnce() throws {
        let time = Mutex(ContinuousClock.now)
        let own = OwnConnections { time.withLock { $0 } }
        let ip = try IPAddress("::1")
        announce(257, from: ip, to: own, time)
        #expect(!own.contains(Endpoint(ip: ip, port: 1)) && own.contains(Endpoint(ip: ip, port: 2)))
        time.withLock { $0 += .seconds(181) }
        #expect(!own.contains(Endpoint(ip: ip, port: 257)))
        own.expect(from: Endpoint(ip: ip))
        #expect(!own.contains(Endpoint(ip: ip)) && !own.contains(nil))
    }

    /// Its port may be somebody else's next.
    @Test func anAnnouncementEndsSoonAfterItsConnection() throws {
        let time = Mutex(ContinuousClock.now)
        let own = OwnConnections { time.withLock { $0 } }
        let (probe, other) = (
            Endpoint(ip: try IPAddress("127.0.0.1"), port: 4000),
            Endpoint(ip: try IPAddress("127.0.0.1"), port: 4001)
        )
        own.expect(from: probe)
        own.ended(other)
        own.ended(nil)
        #expect(!own.contains(other))
        own.ended(probe)
        time.withLock { $0 += .seconds(9) }
        #expect(own.contains(probe), "what became of it may be told late")
        own.ended(probe)
        time.withLock { $0 += .seconds(2) }
        #expect(!own.contains(probe), "to end twice is to end once")
    }

    @Test func whatHasEndedMakesRoomBeforeWhatIsOpen() throws {
        let time = Mutex(ContinuousClock.now)
        let own = OwnConnections { time.withLock { $0 } }
        let ip = try IPAddress("127.0.0.1")
        announce(256, from: ip, to: own, time)
        own.ended(Endpoint(ip: ip, port: 200))
        own.expect(from: Endpoint(ip: ip, port: 300))
        #expect(!own.contains(Endpoint(ip: ip, port: 200)))
        #expect((1...199).allSatisfy { own.contains(Endpoint(ip: ip, port: $0)) })
    }
}
