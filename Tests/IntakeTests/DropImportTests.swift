// Drops pulled from another gate: taken over once, under their own id, only when they are what their receipt says, and released when
// that gate has let go of them.
import Admission
import Foundation
import JSON
import Ledger
import Logging
import Staging
import Support
import Testing
import Upkeep

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct DropImportTests {
    static let id = DropID.make(milliseconds: 7)

    private static let digests = [
        "data": "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
        "{}": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    ]

    static func receipt(_ text: String = "data", change: (inout Receipt) -> Void = { _ in }) -> Receipt {
        var receipt = Receipt(
            drop: id, channel: "sftp", name: "a.xml", file: "ready/sftp/vsee/a.xml",
            bytes: Int64(text.utf8.count), received: "2026-11-23T08:15:30.123456Z")
        receipt.seq = 42
        receipt.source = "20.21.208.105"
        receipt.account = "vsee"
        receipt.credential = "SHA256:abc"
        receipt.sha256 = digests[text]
        change(&receipt)
        return receipt
    }

    private func fetched(_ gate: Gate, _ text: String = "data") throws {
        try Data(text.utf8).write(
            to: URL(filePath: gate.directory.file("staging/incoming/pull/\(Self.id).part")))
    }

    private func drop(_ receipt: Receipt) throws -> PulledDrop {
        try PulledDrop(
            receipt, origin: "sftp://inner@gate-2:2222", hostKey: "SHA256:host", peer: IPAddress("10.0.0.9"))
    }

    /// As a pull does whose acknowledgement succeeds.
    private func take(
        _ gate: Gate, _ receipt: Receipt = DropImportTests.receipt()
    ) async throws -> DropOutcome {
        let outcome = try await gate.intake.importDrop(drop(receipt))
        #expect(outcome.status == .held)
        #expect(try await gate.intake.release(pulled: receipt.drop) == .kept)
        return outcome
    }

    /// What stands in the way makes a release fail.
    private func obstruct(_ gate: Gate) throws {
        try FileManager.default.createDirectory(
            atPath: gate.directory.file("staging/receipts/\(Self.id).json"),
            withIntermediateDirectories: false)
    }

    private func unobstruct(_ directory: TemporaryDirectory) throws {
        try FileManager.default.removeItem(atPath: directory.file("staging/receipts/\(Self.id).json"))
    }

    private func reopened(_ directory: TemporaryDirectory) async throws -> Gate {
        // The first one's queues let go of the ledger a moment after they are done.
        var reopened: Gate?
        while reopened == nil {
            reopened = try? Gate(directory) { $0.releaseRetry = .milliseconds(5) }
            await Task.yield()
        }
        return try #require(reopened)
    }

    @Test func aFetchedUploadBecomesADropUnderItsOwnID() async throws {
        let gate = try Gate()
        try fetched(gate)
        let outcome = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(outcome.status == .held && outcome.name == "sftp/vsee/a.xml")
        #expect(gate.ready().isEmpty && gate.directory.files(under: "staging/receipts").isEmpty)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .held)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .held, "as before")
        #expect(try await gate.intake.release(pulled: Self.id) == .kept)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        let receipt = try #require(try gate.intake.staging.ready.receipt(Self.id))
        #expect(receipt.source == "20.21.208.105" && receipt.origin == "sftp://inner@gate-2:2222")
        #expect(receipt.received == "2026-11-23T08:15:30.123456Z", "when a gate first had it")
        #expect(receipt.pulled == (try gate.entries().first?["time"]?.string) && receipt.released != nil)
        #expect(receipt.name == "a.xml" && receipt.account == "vsee" && receipt.seq == outcome.seq)
        let entry = try #require(try gate.entries().first)
        #expect(entry["drop"]?["received"]?.string == receipt.received)
        #expect(try gate.intake.drop(id: Self.id)?.received.description == receipt.received)
        #expect(entry["reason"] == "pulled" && entry["kind"] == "transfer" && entry["verdict"] == "accepted")
        #expect(entry["detail"]?["pulled_seq"] == 42 && entry["peer"]?["ip"] == "10.0.0.9")
        await gate.intake.waitUntilStaged()
        #expect(try gate.intake.standing(ofDrop: Self.id) == .kept)
        #expect(try await gate.intake.acknowledge(Self.id))
    }

    @Test func aKnownDropIsADuplicateAndItsFetchedFileGoes() async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await take(gate)
        await gate.intake.waitUntilStaged()
        try fetched(gate)
        let outcome = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(outcome.status == .duplicate)
        #expect(try gate.entries().count == 1 && gate.ready().count == 1)
        #expect(gate.directory.files(under: "staging/incoming/pull").isEmpty)
    }

    @Test func whatWasFetchedOfADropThatIsNotPendingIsThrownAway() async throws {
        let gate = try Gate()
        try fetched(gate)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .unknown)
        #expect(gate.directory.files(under: "staging/incoming/pull").count == 1)
        try gate.intake.discardFetched(Self.id)
        #expect(gate.directory.files(under: "staging/incoming/pull").isEmpty)
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        try gate.intake.discardFetched(Self.id)
        #expect(gate.directory.files(under: "staging/incoming/pull").count == 1, "it is held")
        _ = try await gate.intake.release(pulled: Self.id)
        // Before and after the ledger's mark: the file lies in ready/.
        #expect(try gate.intake.standing(ofDrop: Self.id) == .kept)
        await gate.intake.waitUntilStaged()
        try fetched(gate)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .kept)
        #expect(gate.directory.files(under: "staging/incoming/pull").isEmpty)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        #expect(throws: IntakeError.self) { try gate.intake.discardFetched("../ready") }
    }

    @Test func theLongestNameThatASenderMayGiveIsTaken() async throws {
        let gate = try Gate()
        try fetched(gate)
        let name = (Array(repeating: String(repeating: "d", count: 203), count: 5) + ["abcd"])
            .joined(separator: "/")
        #expect(name.utf8.count == 1024)
        let receipt = Self.receipt {
            $0.name = name
            $0.file = "ready/sftp/vsee/\(name)~2"
        }
        let outcome = try await take(gate, receipt)
        #expect("ready/" + outcome.name == receipt.file)
        #expect(gate.contents(outcome.name) == "data")
    }

    @Test func aFetchedEventKeepsItsNameAndIdentity() async throws {
        let gate = try Gate()
        try fetched(gate, "{}")
        let receipt = Self.receipt("{}") {
            $0.channel = "webhook"
            $0.account = nil
            $0.file = "ready/webhook/2026-11-23/081530.123456Z-visit.ended-1.json"
            $0.eventID = "e-1"
            $0.eventType = "visit.ended"
            $0.envelope = "v2"
        }
        let outcome = try await take(gate, receipt)
        #expect(gate.contents(outcome.name) == "{}" && "ready/" + outcome.name == receipt.file)
        let written = try #require(try gate.intake.staging.ready.receipt(Self.id))
        #expect(written.eventID == "e-1" && written.eventType == "visit.ended" && written.envelope == "v2")
    }

    @Test func aNameThatWaitsGivesAnotherVersion() async throws {
        let gate = try Gate()
        try fetched(gate)
        let place = gate.directory.file("staging/ready/sftp/vsee")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: place + "/a.xml"))
        let outcome = try await take(gate)
        #expect(outcome.name == "sftp/vsee/a~2.xml")
        #expect(gate.contents("sftp/vsee/a.xml") == "mine" && gate.contents("sftp/vsee/a~2.xml") == "data")
    }

    /// Another drop may have a place, and this one has it once what is in its way is gone.
    @Test(arguments: ["ready/sftp", "ready/sftp/vsee"])
    func aLinkInTheWayIsThisDropsMatterAloneAndForNow(place: String) async throws {
        let gate = try Gate()
        let path = gate.directory.file("staging/" + place)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: gate.directory.file("elsewhere"))
        // Whether anything was fetched of it or not.
        for _ in 0..<2 {
            let refusal = await #expect(throws: IntakeError.self) {
                try await gate.intake.importDrop(drop(Self.receipt()))
            }
            #expect(refusal?.code == .badPath && refusal?.retryAfter != nil)
            try fetched(gate)
        }
        try FileManager.default.removeItem(atPath: path)
        #expect(try await take(gate).name == "sftp/vsee/a.xml", "no version of it is reserved")
        await gate.intake.close()
    }

    @Test func aHeldDropWhoseAccountsDirectoriesCannotBeOpenedEndsNoRound() async throws {
        let gate = try Gate()
        try fetched(gate)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .held)
        let place = gate.directory.file("staging/incoming/sftp/vsee")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: place + "/parts", withDestinationPath: gate.directory.file("elsewhere"))
        #expect(try await gate.intake.release(pulled: Self.id) == .pending)
        let decision = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        let refusal = await #expect(throws: IntakeError.self) {
            try await gate.intake.release(pulled: Self.id, as: decision)
        }
        #expect(refusal?.code == .stagingFull && refusal?.retryAfter != nil)
        #expect(gate.intake.health.problems["staging"]?.contains("what vsee sends") == true)
        try FileManager.default.removeItem(atPath: place + "/parts")
        #expect(try await gate.intake.release(pulled: Self.id) == .kept)
        await gate.intake.close()
    }

    @Test func whatIsNotWhatItsReceiptSaysIsNotTaken() async throws {
        let gate = try Gate()
        let receipt = Self.receipt()
        await #expect(throws: IntakeError.self) { try await gate.intake.importDrop(drop(receipt)) }
        for text in ["date", "data and more"] {
            try fetched(gate, text)
            await #expect(throws: IntakeError.self) { try await gate.intake.importDrop(drop(receipt)) }
        }
        #expect(try gate.entries().isEmpty && gate.ready().isEmpty)
        #expect(gate.directory.files(under: "staging/incoming/pull") == ["\(Self.id).part"])
    }

    @Test(arguments: [
        "ready/sftp/other/a.xml", "ready/sftp/vsee", "ready/sftp/vsee/../a.xml", "ready/sftp/vsee//a.xml",
        "/ready/sftp/vsee/a.xml", "quarantine/sftp/vsee/a.xml", "ready/webhook/2026-11-23/a.json",
        "ready/sftp/vsee/a\u{1}.xml", "",
    ])
    func aPathThatIsNoReleasedDropsIsRefused(file: String) {
        #expect(throws: IntakeError.self) { try drop(Self.receipt { $0.file = file }) }
    }

    @Test func aReceiptThatNoGateWritesIsRefused() {
        let changes: [(inout Receipt) -> Void] = [
            { $0.drop = "../../etc" }, { $0.sha256 = nil }, { $0.sha256 = "00" }, { $0.bytes = -1 },
            { $0.channel = "console" }, { $0.source = "1.2.3" }, { $0.name = "a\nb" },
            { $0.eventID = String(repeating: "x", count: 801) },
            { $0.credential = String(repeating: "x", count: 257) }, { $0.received = "yesterday" },
            { $0.modified = "" }, { $0.name = String(repeating: "x", count: 1025) },
        ]
        for change in changes {
            #expect(throws: IntakeError.self) { try drop(Self.receipt(change: change)) }
        }
    }

    /// The other gate's is the last copy.
    @Test func aDropWhoseBytesAreLostIsNotKept() async throws {
        let gate = try Gate()
        try fetched(gate)
        try obstruct(gate)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .held)
        #expect(try await gate.intake.release(pulled: Self.id) == .pending)
        _ = try await gate.intake.make(
            DropChange(id: Self.id, from: .pending, kind: .lost), Gate.transfer)
        #expect(try gate.intake.drop(id: Self.id)?.state == .lost)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .lost)
        #expect(try await gate.intake.release(pulled: Self.id) == .lost)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .pending)
        try gate.intake.discardFetched(Self.id)
        #expect(gate.directory.files(under: "staging/incoming/pull") == ["\(Self.id).part"])
        await gate.intake.close()
    }

    @Test func whatIsGoneWhenItIsReleasedIsLostAndSaysSo() async throws {
        let gate = try Gate()
        try fetched(gate)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .held)
        try FileManager.default.removeItem(
            atPath: gate.directory.file("staging/incoming/pull/\(Self.id).part"))
        #expect(try await gate.intake.release(pulled: Self.id) == .lost)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .lost)
        #expect(try gate.entries().last?["detail"]?["lost"] == true)
        #expect(gate.intake.health.problems["lost"] != nil && gate.intake.health.problems["release"] == nil)
        await gate.intake.close()
    }

    // MARK: Held

    @Test func aHeldDropIsHeldThroughARestart() async throws {
        let directory = try TemporaryDirectory("import")
        do {
            let gate = try Gate(directory)
            try fetched(gate)
            #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .held)
            await gate.intake.close()
        }
        let gate = try await reopened(directory)
        #expect(gate.ready().isEmpty)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .held)
        #expect(try await gate.intake.release(pulled: Self.id) == .kept)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        #expect(try await gate.intake.release(pulled: Self.id) == .kept, "once more")
        await gate.intake.close()
    }

    @Test func whatIsHeldIsFoundByTheGateThatItIsFrom() async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        func held(_ hostKey: String, _ origin: String) throws -> [String] {
            try gate.intake.heldPulls(hostKey: hostKey, origin: origin, limit: 10)
        }
        #expect(try held("SHA256:host", "sftp://inner@elsewhere") == [Self.id])
        #expect(try held("SHA256:another", "sftp://inner@gate-2:2222") == [Self.id])
        #expect(try held("SHA256:another", "sftp://inner@elsewhere").isEmpty)
        #expect(try held("SHA256:host", "sftp://other@gate-2:2222").isEmpty, "another account's")
        _ = try await gate.intake.release(pulled: Self.id)
        #expect(try held("SHA256:host", "sftp://inner@gate-2:2222").isEmpty)
        await gate.intake.close()
    }

    private func event() -> Receipt {
        Self.receipt("{}") {
            $0.channel = "webhook"
            $0.account = nil
            $0.file = "ready/webhook/2026-11-23/081530.123456Z-visit.ended-1.json"
            $0.eventID = "e-1"
        }
    }

    @Test(arguments: [false, true])
    func aDropThatTheOtherGateHasNoMoreGoesToQuarantine(isEvent: Bool) async throws {
        let directory = try TemporaryDirectory("import")
        do {
            let gate = try Gate(directory)
            try fetched(gate, isEvent ? "{}" : "data")
            _ = try await gate.intake.importDrop(drop(isEvent ? event() : Self.receipt()))
            var attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
            attempt.detail["there"] = "withdrawn"
            #expect(try await gate.intake.withdraw(pulled: Self.id, as: attempt))
            let again = try await gate.intake.withdraw(pulled: Self.id, as: attempt)
            #expect(!again, "it is held no more")
            await gate.intake.close()
        }
        let gate = try await reopened(directory)
        #expect(gate.ready().isEmpty && directory.files(under: "staging/incoming/pull").isEmpty)
        let account = isEvent ? "webhook" : "vsee"
        let place = "staging/quarantine/sftp/\(account)/\(Self.id)"
        #expect(directory.files(under: place).count == 2, "with its receipt")
        let entry = try #require(try gate.entries().last)
        #expect(entry["reason"] == "withdrawn" && entry["drop"]?["id"]?.string == Self.id)
        #expect(entry["detail"]?["there"] == "withdrawn" && entry["detail"]?["was"] == "pulled")
        #expect(try gate.intake.standing(ofDrop: Self.id) == .withdrawn)
        #expect(try await gate.intake.release(pulled: Self.id) == .withdrawn)
        #expect(gate.ready().isEmpty)
        await gate.intake.close()
    }

    @Test(arguments: [false, true])
    func aDropThatWasRenamedThereIsReleasedUnderItsNewName(isWithdrawn: Bool) async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        if isWithdrawn {
            // It was not there while it had its old name no more and its new one not yet.
            let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
            #expect(try await gate.intake.withdraw(pulled: Self.id, as: attempt))
            while try gate.intake.standing(ofDrop: Self.id) != .withdrawn { await Task.yield() }
            try fetched(gate)
        }
        let renamed = Self.receipt {
            $0.name = "in/b.xml"
            $0.file = "ready/sftp/vsee/in/b.xml"
        }
        let outcome = try await take(gate, renamed)
        #expect(outcome.name == "sftp/vsee/in/b.xml" && gate.ready() == ["sftp/vsee/in/b.xml"])
        #expect(gate.contents("sftp/vsee/in/b.xml") == "data")
        let receipt = try #require(try gate.intake.staging.ready.receipt(Self.id))
        #expect(receipt.name == "in/b.xml" && receipt.uploadedAs == "a.xml")
        let entry = try #require(try gate.entries().last)
        #expect(entry["reason"] == "pulled" && entry["detail"]?["name_as_sent"] == "in/b.xml")
        #expect(entry["detail"]?["accepted_by"] == 0)
        await gate.intake.close()
    }

    /// What lies here is looked at only where the other gate has the same.
    @Test(arguments: ["data", "da"])
    func anotherFileUnderTheIDOfAHeldDropIsNotTaken(left: String) async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        try fetched(gate, left)
        let other = Self.receipt("{}") { $0.name = "b.xml" }
        let refused = await #expect(throws: IntakeError.self) {
            try await gate.intake.importDrop(drop(other))
        }
        #expect(refused?.code == .malformed)
        let said = try #require(refused?.description)
        #expect(said.contains("a different one under its id: 2 bytes with the SHA-256 44136fa3"))
        #expect(said.contains("there, 4 bytes with the SHA-256 3a6eb079"))
        #expect(said.contains("`dropgate drops release \(Self.id)` here releases what is held"))
        #expect(try gate.intake.standing(ofDrop: Self.id) == .held)
        let part = gate.directory.file("staging/incoming/pull/\(Self.id).part")
        #expect(try String(contentsOfFile: part, encoding: .utf8) == left)
        let isWhole = left == "data"
        #expect(try await gate.intake.release(pulled: Self.id) == (isWhole ? .kept : .held))
        #expect(gate.contents("sftp/vsee/a.xml") == (isWhole ? "data" : nil))
        await gate.intake.close()
    }

    /// Whoever hears that it is a duplicate lets the other gate remove its copy.
    @Test func anotherFileUnderTheIDOfAReleasedDropIsNoDuplicate() async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await take(gate)
        await gate.intake.waitUntilStaged()
        let other = Self.receipt("{}") { $0.name = "b.xml" }
        let refused = await #expect(throws: IntakeError.self) {
            try await gate.intake.importDrop(drop(other))
        }
        #expect(refused?.code == .malformed)
        #expect(refused?.description.contains("a different one under its id") == true)
        #expect(refused?.description.contains("drops release") == false)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .duplicate)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        await gate.intake.close()
    }

    /// Its consumers there have not had it: it is this gate, or one that pulls from this one, or from the same third one.
    @Test(arguments: [false, true])
    func whatDidNotComeFromTheGateThatOffersItIsNoDuplicate(isOfAThirdGate: Bool) async throws {
        let gate = try Gate()
        let receipt = try await released(gate, isPulled: isOfAThirdGate)
        func offer(_ origin: String, _ hostKey: String) async throws -> DropOutcome.Status {
            let offered = try PulledDrop(
                receipt, origin: origin, hostKey: hostKey, peer: IPAddress("127.0.0.1"))
            return try await gate.intake.importDrop(offered).status
        }
        #expect(try await offer("sftp://inner@gate-1", "SHA256:own") == .own)
        // One that got another key or another address is the same.
        let isPulled: DropOutcome.Status = isOfAThirdGate ? .duplicate : .own
        #expect(try await offer("sftp://inner@gate-2:2222", "SHA256:new") == isPulled)
        #expect(try await offer("sftp://inner@gate-3", "SHA256:host") == isPulled)
        #expect(try gate.entries().count == 1 && gate.intake.drop(id: receipt.drop)?.state == .released)
        await gate.intake.close()
    }

    /// The receipt of a drop that came from another gate, or from its sender.
    private func released(_ gate: Gate, isPulled: Bool) async throws -> Receipt {
        let id: String
        if isPulled {
            try fetched(gate)
            id = try await take(gate).id
        } else {
            id = try await gate.intake.receive(Gate.event("a", body: "data"), attempt: Gate.accepted).id
        }
        await gate.intake.waitUntilStaged()
        return try #require(try gate.intake.staging.ready.receipt(id))
    }

    /// All that is left then is whether it was pulled at all.
    @Test(arguments: [false, true])
    func onceItsEntryIsRemovedOnlyWhatWasPulledIsADuplicate(isPulled: Bool) async throws {
        let gate = try Gate()
        let receipt = try await released(gate, isPulled: isPulled)
        for _ in 0..<300 {
            try await gate.intake.record(
                Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
        }
        try await Sealer(gate.intake, sealAfter: .zero, retain: .zero, width: 256).sweep()
        #expect(try gate.intake.ledger.reader().entry(seq: 0) == nil)
        let offered = try PulledDrop(
            receipt, origin: "sftp://inner@gate-3", hostKey: "SHA256:other", peer: IPAddress("127.0.0.1"))
        let outcome = try await gate.intake.importDrop(offered)
        #expect(outcome.status == (isPulled ? .duplicate : .own))
        await gate.intake.close()
    }

    /// Whoever hears that it is held lets the other gate remove its copy.
    @Test(arguments: [nil, "date", "data and more"] as [String?])
    func aDropWhoseFetchedFileIsGoneOrDamagedIsNotSaidToBeHeld(left: String?) async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        if let left {
            try fetched(gate, left)
        } else {
            try FileManager.default.removeItem(
                atPath: gate.directory.file("staging/incoming/pull/\(Self.id).part"))
        }
        let receipt = Self.receipt()
        let refused = await #expect(throws: IntakeError.self) {
            try await gate.intake.importDrop(drop(receipt))
        }
        #expect(refused?.code == .incomplete)
        #expect(try gate.entries().count == 1 && gate.ready().isEmpty)
        try fetched(gate)
        #expect(try await take(gate).status == .held, "it was fetched again")
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        await gate.intake.close()
    }

    @Test func aPersonMayTakeBackWhatIsHeld() async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        #expect(try await gate.intake.withdraw(Self.id, as: attempt) == .quarantined)
        #expect(gate.ready().isEmpty && gate.directory.files(under: "staging/incoming/pull").isEmpty)
        // Nobody has acknowledged it at the other gate: where it waits there, it is pulled again.
        while try gate.intake.standing(ofDrop: Self.id) != .withdrawn { await Task.yield() }
        try fetched(gate)
        #expect(try await take(gate).status == .held)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        await gate.intake.close()
    }

    /// Its account has been here before, and has a box.
    @Test(arguments: [false, true]) func whatWasPulledAndReleasedMayBeTakenBack(isObstructed: Bool)
        async throws
    {
        let gate = try Gate()
        let session = try gate.intake.beginSession(of: "vsee")
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        if isObstructed { try obstruct(gate) }
        #expect(try await gate.intake.release(pulled: Self.id) == (isObstructed ? .pending : .kept))
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        #expect(try await gate.intake.withdraw(Self.id, as: attempt) == .quarantined)
        #expect(gate.ready().isEmpty)
        withExtendedLifetime(session) {}
        await gate.intake.close()
    }

    /// Consumers get an event from the moment on in which it lies in ready/, and this one does not.
    @Test func anEventThatCannotBeReleasedMayBeTakenBack() async throws {
        let gate = try Gate()
        try fetched(gate, "{}")
        _ = try await gate.intake.importDrop(drop(event()))
        try obstruct(gate)
        #expect(try await gate.intake.release(pulled: Self.id) == .pending)
        #expect(gate.intake.health.problems["release"] != nil)
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        #expect(try await gate.intake.withdraw(Self.id, as: attempt) == .quarantined)
        #expect(gate.ready().isEmpty && gate.directory.files(under: "staging/incoming/pull").isEmpty)
        #expect(gate.directory.files(under: "staging/quarantine/sftp/webhook/\(Self.id)").count == 2)
        #expect(gate.intake.retries.waiting == 0 && gate.intake.health.problems["release"] == nil)
        let record = try #require(try gate.intake.drop(id: Self.id))
        #expect(record.state == .withdrawn && !record.mayComeAgain)
        let entry = try #require(try gate.entries().last)
        #expect(entry["reason"] == "withdrawn" && entry["detail"]?["was"] == "pulled")
        await gate.intake.close()
    }

    /// The other gate has it still each time, and what was withdrawn before lies in quarantine.
    @Test(arguments: [false, true]) func whatComesAgainMayBeWithdrawnAgain(isReleased: Bool) async throws {
        let gate = try Gate()
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(try await gate.intake.withdraw(pulled: Self.id, as: attempt))
        while try gate.intake.standing(ofDrop: Self.id) != .withdrawn { await Task.yield() }
        try fetched(gate)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .held)
        if isReleased { #expect(try await gate.intake.release(pulled: Self.id) == .kept) }
        #expect(try await gate.intake.withdraw(Self.id, as: attempt) == .quarantined)
        #expect(gate.intake.health.problems["withdrawal"] == nil)
        // The ledger's mark that it is put away comes a moment later.
        await gate.intake.close()
        let record = try #require(try gate.intake.drop(id: Self.id))
        #expect(record.state == .withdrawn && record.incoming == nil)
        #expect(gate.ready().isEmpty && gate.directory.files(under: "staging/receipts").isEmpty)
        for place in ["pull", "sftp/vsee/claimed"] {
            #expect(gate.directory.files(under: "staging/incoming/\(place)").isEmpty)
        }
        let place = "staging/quarantine/sftp/vsee/\(Self.id)"
        #expect(gate.directory.files(under: place) == ["a.xml", "receipt.json"])
        let file = gate.directory.file("\(place)/a.xml")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "data")
    }

    /// What was put away before may be the only whole copy.
    @Test func whatIsWithdrawnAgainAndIsDamagedReplacesNothing() async throws {
        let gate = try Gate()
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        for left in ["data", "da"] {
            try fetched(gate)
            _ = try await gate.intake.importDrop(drop(Self.receipt()))
            try fetched(gate, left)
            #expect(try await gate.intake.withdraw(pulled: Self.id, as: attempt))
            while try gate.intake.standing(ofDrop: Self.id) != .withdrawn { await Task.yield() }
        }
        let place = "staging/quarantine/sftp/vsee/\(Self.id)"
        #expect(gate.directory.files(under: place) == ["a.xml", "receipt.json", "upload.damaged"])
        let file = gate.directory.file("\(place)/a.xml")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "data")
        await gate.intake.close()
    }

    @Test func whatCouldNotBePutAwayIsTriedAgainWhileTheGateRuns() async throws {
        let gate = try Gate()
        let quarantine = gate.directory.file("staging/quarantine/sftp")
        try FileManager.default.createDirectory(atPath: quarantine, withIntermediateDirectories: true)
        try Data().write(to: URL(filePath: quarantine + "/vsee"))
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        #expect(try await gate.intake.withdraw(pulled: Self.id, as: attempt))
        #expect(gate.intake.health.problems["withdrawal"]?.contains(Self.id) == true)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .pending)
        try FileManager.default.removeItem(atPath: quarantine + "/vsee")
        try await gate.intake.sweepStaging()
        #expect(gate.intake.health.problems["withdrawal"] == nil)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .withdrawn)
        #expect(gate.directory.files(under: "staging/quarantine/sftp/vsee/\(Self.id)").count == 2)
        await gate.intake.close()
    }

    /// Whoever decides is told when nothing came of it; what the other gate says is asked again in the next round.
    @Test func aPersonsDecisionIsMadeOrRefused() async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        #expect(gate.intake.takeInHand(Self.id))
        let refused = await #expect(throws: IntakeError.self) {
            try await gate.intake.release(pulled: Self.id, as: attempt)
        }
        #expect(refused?.code == .forbiddenOperation)
        #expect(try await gate.intake.release(pulled: Self.id) == .pending)
        #expect(try gate.entries().count == 1 && gate.ready().isEmpty)
        gate.intake.letGo(Self.id)
        #expect(try await gate.intake.release(pulled: Self.id, as: attempt) == .kept)
        #expect(try gate.entries().count == 2)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        await gate.intake.close()
    }

    /// As the next fetch leaves it that began anew and was cut off.
    @Test(arguments: ["da", "date", "data and more"])
    func whatIsNoLongerWholeIsNotReleased(left: String) async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        try fetched(gate, left)
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        let refused = await #expect(throws: IntakeError.self) {
            try await gate.intake.release(pulled: Self.id, as: attempt)
        }
        #expect(refused?.code == .malformed)
        #expect(refused?.description.contains("is no longer complete") == true)
        #expect(try await gate.intake.release(pulled: Self.id) == .held, "a round goes on with others")
        #expect(gate.intake.health.problems["release"]?.contains(Self.id) == true)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .held)
        #expect(try gate.entries().count == 1 && gate.ready().isEmpty)
        try fetched(gate)
        #expect(try await take(gate).status == .held, "it was fetched again")
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        #expect(gate.intake.health.problems["release"] == nil)
        await gate.intake.close()
    }

    @Test func aWithdrawnDropThatComesAgainHasItsPlaceToItself() async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        #expect(try await gate.intake.withdraw(pulled: Self.id, as: attempt))
        while try gate.intake.standing(ofDrop: Self.id) != .withdrawn { await Task.yield() }
        try fetched(gate)
        let outcome = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(outcome.status == .held && outcome.name == "sftp/vsee/a.xml")
        #expect(try gate.intake.staging.ready.reserve("sftp/vsee/a.xml") != outcome.name)
        await gate.intake.close()
    }

    @Test func whatIsHeldForLongIsAProblemUntilItIsDecided() async throws {
        let clock = TestClock()
        let gate = try Gate(clock: clock)
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        try await gate.intake.sweepStaging()
        #expect(gate.intake.health.problems["pull"] == nil)
        clock.pass(.seconds(3600))
        try await gate.intake.sweepStaging()
        let problem = try #require(gate.intake.health.problems["pull"])
        #expect(problem.contains(Self.id) && problem.contains("sftp://inner@gate-2:2222"))
        _ = try await gate.intake.release(pulled: Self.id)
        try await gate.intake.sweepStaging()
        #expect(gate.intake.health.problems["pull"] == nil)
        await gate.intake.close()
    }

    // MARK: Released again

    @Test func aReleaseThatFailsIsTriedAgainWhileTheGateRuns() async throws {
        let (logger, lines) = LogLines.make()
        var failures = lines.filter { $0.contains("could not be released") }.makeAsyncIterator()
        let gate = try Gate(logger: logger) { $0.releaseRetry = .milliseconds(5) }
        try fetched(gate)
        try obstruct(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(try await gate.intake.release(pulled: Self.id) == .pending)
        for _ in 0..<3 { _ = await failures.next() }
        #expect(gate.intake.health.problems["release"]?.contains(Self.id) == true && gate.ready().isEmpty)
        // The release of another one does not end the problem.
        let other = DropID.make(milliseconds: 8)
        try Data("data".utf8).write(
            to: URL(filePath: gate.directory.file("staging/incoming/pull/\(other).part")))
        let released = try await take(
            gate,
            Self.receipt {
                $0.drop = other
                $0.file = "ready/sftp/vsee/b.xml"
            })
        #expect(gate.ready() == [released.name])
        #expect(gate.intake.health.problems["release"]?.contains(Self.id) == true)
        try unobstruct(gate.directory)
        while gate.intake.retries.waiting > 0 { await Task.yield() }
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        #expect(gate.intake.health.problems["release"] == nil)
        await gate.intake.waitUntilStaged()
        #expect(try gate.intake.drop(id: Self.id)?.state == .released)
        await gate.intake.close()
    }

    @Test func whatCouldNotBeReleasedBeforeARestartIsTriedAgainAfterIt() async throws {
        let directory = try TemporaryDirectory("import")
        do {
            let gate = try Gate(directory)
            try fetched(gate, "{}")
            try obstruct(gate)
            _ = try await gate.intake.importDrop(drop(event()))
            #expect(try await gate.intake.release(pulled: Self.id) == .pending)
            await gate.intake.close()
        }
        let gate = try await reopened(directory)
        #expect(gate.intake.health.problems["release"] != nil && gate.intake.retries.waiting == 1)
        try unobstruct(directory)
        while gate.intake.retries.waiting > 0 { await Task.yield() }
        #expect(gate.intake.health.problems["release"] == nil)
        #expect(gate.ready() == ["webhook/2026-11-23/081530.123456Z-visit.ended-1.json"])
        await gate.intake.close()
    }

    @Test func aCrashAfterTheCommitIsCompletedAtStart() async throws {
        let directory = try TemporaryDirectory("import")
        do {
            let gate = try Gate(directory)
            try fetched(gate)
            // As a crash would.
            try obstruct(gate)
            #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .held)
            #expect(try await gate.intake.release(pulled: Self.id) == .pending)
            #expect(gate.intake.health.problems["release"] != nil && gate.ready().isEmpty)
            // The only copy: no question and no request takes it away, and nobody is told that it is kept.
            #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .pending)
            try gate.intake.discardFetched(Self.id)
            #expect(try gate.intake.standing(ofDrop: Self.id) == .pending)
            #expect(gate.directory.files(under: "staging/incoming/pull") == ["\(Self.id).part"])
            await gate.intake.close()
        }
        try unobstruct(directory)
        let gate = try await reopened(directory)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        let receipt = try #require(try gate.intake.staging.ready.receipt(Self.id))
        #expect(receipt.origin == "sftp://inner@gate-2:2222" && receipt.source == "20.21.208.105")
        #expect(receipt.channel == "sftp" && receipt.name == "a.xml" && receipt.seq == 0)
    }
}
