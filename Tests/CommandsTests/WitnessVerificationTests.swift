// `dropgate ledger verify` beside witnesses that have much, have nothing, or do not answer: none of them is passed over.
import Admission
import Commands
import Foundation
import Intake
import JSON
import Ledger
import Management
import Settings
import Testing

@Suite(.timeLimit(.minutes(1))) struct WitnessVerificationTests {
    /// A gate of three entries, whose witness is this one: a file in its directory, or a URL.
    private func gate(witness: String) async throws -> TestGate {
        let gate = try TestGate.plain()
        let place = witness.contains("://") ? witness : gate.path(witness)
        try gate.write(
            "dropgate.yaml", try gate.read("dropgate.yaml") + "ledger: {witnesses: ['\(place)']}\n")
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        let intake = try gate.openIntake()
        for _ in 0..<3 {
            try await intake.record(
                Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started))
        }
        await intake.close()
        return gate
    }

    private func faults(_ gate: TestGate, patience: Duration) async throws -> [LedgerFault] {
        let settings = try SettingsLoader.load(file: gate.config)
        let verification = try await LedgerService(settings).verify(
            patience: patience, progress: { _, _ in }, warn: { _ in })
        return verification.result.faults
    }

    /// As after a while of a gate that signs every ten seconds. What is waited for is each piece of it.
    @Test func aLongFileIsReadToItsEndAndItsLastCheckpointTells() async throws {
        let gate = try await gate(witness: "witness.notes")
        let key = try LedgerKeys(SettingsLoader.load(file: gate.config)).signer()
        func note(_ size: Int64) throws -> String {
            let checkpoint = Checkpoint(
                origin: key.verifier.name, size: size, root: .leaf([1]), previous: nil, time: .now())
            return try SignedCheckpoint(checkpoint, key).note.description + "\n"
        }
        // Nobody asks who signed those before the last one: the ledger has lost all of them.
        let parts = try note(4).components(separatedBy: "\n4\n")
        try #require(parts.count == 2)
        let others = (4..<5000).map { "\(parts[0])\n\($0)\n\(parts[1])" }
        try gate.write("witness.notes", try others.joined() + note(5000))
        let found = try await faults(gate, patience: .seconds(5))
        #expect(found.map(\.kind) == [.rolledBack])
        let lost: ClosedRange<Int64> = 3...4999
        #expect(found.first?.entries == lost)
        let said = await gate.run("ledger", "verify")
        #expect(said.status == 23 && said.out.contains("rolled_back"), "\(said)")
    }

    @Test func aWitnessThatNeverAnswersIsAFinding() async throws {
        // Connections are made, and nobody takes them.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        try #require(listen(listener, 8) == 0)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isNamed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        try #require(isNamed == 0)
        let url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/notes"
        let found = try await faults(gate(witness: url), patience: .milliseconds(100))
        #expect(found.map(\.kind) == [.notCompared])
        #expect(found.first?.message.hasPrefix("witness \(url) cannot be asked what it has") == true)
    }

    @Test(arguments: ["a directory", "a named pipe"])
    func aWitnessThatIsNoFileIsCalledWhatItIsAtOnce(kind: String) async throws {
        let gate = try await gate(witness: "place")
        let place = gate.path("place")
        let made = kind == "a directory" ? mkdir(place, 0o700) : mkfifo(place, 0o600)
        try #require(made == 0)
        let words =
            "witness \(place) cannot be asked what it has, so the ledger is not compared with it: \(place) is \(kind), and has to be a file"
        // Of a pipe nobody would ever read anything.
        let found = try await faults(gate, patience: .seconds(600))
        #expect(found.map(\.kind) == [.notCompared] && found.first?.message.hasPrefix(words) == true)
        let check = await gate.run("serve", "--check")
        let told = check.error.split(separator: "\n").filter { $0.contains(words) }
        #expect(told.count == 1 && told.first?.hasSuffix("or name another place") == true, "\(check)")
    }

    @Test func aWitnessThatFailsIsAFindingWithAStatusOfItsOwn() async throws {
        // tcpmux: nobody listens there.
        let gate = try await gate(witness: "http://127.0.0.1:1/notes")
        let said = await gate.run("ledger", "verify")
        #expect(said.status == 31 && said.out.contains("witness_not_compared"), "\(said)")
        #expect(said.out.contains("NOT VERIFIED: 1 finding"), "\(said)")
        #expect(said.error.contains("witness http://127.0.0.1:1/notes cannot be asked"), "\(said)")
        let asked = await gate.run("ledger", "verify", "--format", "json")
        let json = try JSONValue(parsing: Array(asked.out.utf8))
        #expect(asked.status == 31 && json["verified"] == false && json["finding_count"] == 1, "\(asked)")
    }

    @Test func aFileThatHasLessThanItTookIsAFinding() async throws {
        let gate = try await gate(witness: "witness.notes")
        let before = await gate.run("ledger", "verify")
        #expect(before.status == 0, "\(before)")
        let settings = try SettingsLoader.load(file: gate.config)
        do {
            let store = try settings.ledgerHandle.open(node: settings.node)
            let key = try LedgerKeys(settings).signer()
            _ = try store.commit([.checkpoint(key)], now: .now())
            let call = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)
            _ = try store.commit([.append(call, drop: nil)], now: .now())
            _ = try store.commit(
                [.checkpoint(key), .witnessed(name: gate.path("witness.notes"), size: 4, at: .now())],
                now: .now())
        }
        let gone = await gate.run("ledger", "verify")
        #expect(gone.status == 31, "\(gone)")
        #expect(gone.out.contains("has no checkpoint of 4 entries or more, but it took one"), "\(gone)")
        let reader = try gate.openReader()
        let older = try #require(try reader.checkpoint(covering: 3)).note.description
        let newest = try #require(try reader.checkpoint(covering: 4)).note.description
        // As a crash leaves a note in the middle of being written, or a filesystem that was put back.
        for text in [String(newest.prefix(1)), String(newest.prefix(60)), "\n\n", older] {
            try gate.write("witness.notes", text)
            let cut = await gate.run("ledger", "verify")
            #expect(cut.status == 31 && cut.out.contains("who shortened or removed the file"), "\(cut)")
        }
        try gate.write("witness.notes", newest)
        let there = await gate.run("ledger", "verify")
        #expect(there.status == 0 && there.out.contains("0 entries not yet witnessed"), "\(there)")
    }
}
