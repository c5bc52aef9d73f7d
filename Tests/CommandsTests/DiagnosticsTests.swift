// The doctor's checks as values: which command makes which, and what each says.
import Admission
import Audit
import Files
import Foundation
import Intake
import JSON
import Ledger
import Reachability
import Settings
import Staging
import Support
import Testing

@testable import Management

@Suite struct DiagnosticsTests {
    @Test func aStartAndItsRehearsalLookAtTheSameAndDoctorAtAll() {
        let checks = Diagnostics.checks
        func areas(_ occasion: Diagnostics.Occasion) -> Set<String> {
            Set(checks.filter { $0.occasions.contains(occasion) }.map(\.area))
        }
        #expect(areas(.start) == areas(.check))
        #expect(
            areas(.start).isSuperset(of: ["ledger", "certificates", "host keys", "filesystem", "openssh"]))
        #expect(areas(.doctor).isSuperset(of: areas(.start)))
    }

    @Test(arguments: [
        ("127.0.0.1:8080", false, false), ("[::1]:8080", false, false), ("0.0.0.0:8080", false, true),
        ("192.0.2.1:8080", false, true), ("[::]:8080", false, true), ("0.0.0.0:8080", true, false),
    ])
    func aConsoleThatOthersCanListenToIsWarnedOf(listen: String, hasTLS: Bool, isWarned: Bool) throws {
        var settings = ConsoleSettings(listen: try #require(ListenAddress(listen)), token: Secret([]))
        if hasTLS { settings.tls = TLSSettings(certificate: "/c", key: "/k") }
        #expect(ConsoleCheck.findings(settings).map(\.state) == (isWarned ? [.warn] : []))
        #expect(ConsoleCheck.findings(nil).isEmpty)
    }

    /// By its process, since a service may be shown less than doctor.
    @Test func aGateThatCannotReadTheBootIDIsWarnedWhereItTakesUploads() async throws {
        let gate = try TestGate()
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        let machine = MachineCheck(try SettingsLoader.load(file: gate.path("gate/dropgate.yaml")))
        let found = machine.boot(nil)
        #expect(found.map(\.state) == [.warn] && found.allSatisfy { $0.fix != nil }, "\(found)")
        #expect(machine.boot("a").isEmpty)
        let plain = try TestGate.plain()
        #expect(try MachineCheck(SettingsLoader.load(file: plain.config)).boot(nil).isEmpty)
        let occasions = Diagnostics.checks.filter { $0.area == "machine" }.map(\.occasions)
        #expect(occasions.contains { $0.isSuperset(of: [.start, .console]) })
    }

    // MARK: Room

    /// Nobody has called, and nothing else has had it look.
    @Test func aGateWithoutRoomSaysSoBeforeAnybodyCalls() async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        let intake = try gate.openIntake(reserve: .max)
        #expect(intake.health.problems["space"] == nil)
        let state = GateState(intake)
        #expect(state.problems["space"]?.contains("are kept back") == true, "\(state.problems)")
        #expect(state.standing?["space"]?.fix == HealthProblem.space.fix)
        await intake.close()
    }

    @Test func aGateSaysNoLongerThatItHadNoRoom() async throws {
        let gate = try TestGate.plain()
        defer { withExtendedLifetime(gate) {} }
        let intake = try gate.openIntake()
        intake.health.set(problem: "space", message: "the disk was full")
        let state = GateState(intake)
        #expect(state.problems["space"] == nil && state.standing?["space"] == nil)
        await intake.close()
    }

    // MARK: Secrets

    @Test(
        arguments: [
            (1, 40, ["webhook.header.value_file"]),
            (15, 15, ["webhook.header.value_file", "webhook.basic.password_file"]),
            (16, 15, ["webhook.basic.password_file"]), (16, 16, []),
            // Of files that were not looked into.
            (0, 0, []),
        ] as [(Int, Int, [String])])
    func aSecretThatCanBeGuessedIsWarnedOfByItsKey(header: Int, password: Int, keys: [String]) throws {
        var settings = WebhookSettings(listen: try #require(ListenAddress("127.0.0.1:8443")), tls: nil)
        #expect(WebhookSecretCheck.findings(settings).isEmpty && WebhookSecretCheck.findings(nil).isEmpty)
        settings.checks = WebhookChecks(
            header: ("X-Gate-Token", Secret(Array(repeating: 0x61, count: header))),
            basic: ("vsee", Secret(Array(repeating: 0x62, count: password))))
        let found = WebhookSecretCheck.findings(settings)
        #expect(found.map(\.state) == keys.map { _ in Finding.State.warn })
        #expect(found.map { $0.text.split(separator: ":")[0] } == keys.map { $0[...] })
        #expect(found.allSatisfy { !$0.text.contains("aa") && !$0.text.contains("bb") && $0.fix != nil })
    }

    @Test func aShortSecretDoesNotKeepAGateFromStarting() async throws {
        let gate = try TestGate()
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        try gate.write("gate/short", "guess\n")
        #expect(chmod(gate.path("gate/short"), 0o600) == 0)
        let settings = gate.path("gate/dropgate.yaml")
        let text = try gate.read("gate/dropgate.yaml")
        let line = "  header: {name: X-Gate-Token, value_file: short}"
        try gate.write(
            "gate/dropgate.yaml",
            text.replacing("  #header: {name: X-Gate-Token, value_file: webhook-header}", with: line))
        #expect(try gate.read("gate/dropgate.yaml").contains(line))
        let words = "webhook.header.value_file: the secret has fewer than 16 bytes"
        let check = await TestGate.run(["serve", "--check", "--config", settings])
        #expect(check.status == 0 && check.error.contains("warning: webhook: \(words)"), "\(check)")
        #expect(!check.error.contains("guess\n"), "\(check)")
        let doctor = await TestGate.run(["doctor", "--config", settings])
        #expect(doctor.out.contains(words), "\(doctor)")
    }

    // MARK: Accounts

    @Test(arguments: [
        ("disable: true\n", "until then nobody can log in to the account"),
        (
            "keys: x\n",
            "a running gate keeps using what it read before, but after a restart there is no such account"
        ),
    ])
    func ofABadAccountFileItIsSaidWhatHoldsMeanwhile(text: String, meanwhile: String) async throws {
        let gate = try TestGate()
        defer { withExtendedLifetime(gate) {} }
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        let settings = try SettingsLoader.load(file: gate.path("gate/dropgate.yaml"))
        try FileManager.default.createDirectory(
            atPath: settings.accounts, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: settings.accounts + "/acme.yaml"))
        let found = GateCheck(await GateFacts(settings, asksGate: false)).accounts()
        #expect(found.first?.state == .fail && found.first?.fix == "fix the file; \(meanwhile)", "\(found)")
        try FileManager.default.removeItem(atPath: settings.accounts + "/acme.yaml")
        try FileManager.default.createSymbolicLink(
            atPath: settings.accounts + "/acme.yaml", withDestinationPath: gate.path("nowhere"))
        let dangling = GateCheck(await GateFacts(settings, asksGate: false)).accounts()
        #expect(dangling.first?.fix?.hasSuffix("until then there is no such account") == true, "\(dangling)")
    }

    @Test func aGateThatHadAccountsMissesTheirDirectory() async throws {
        let gate = try TestGate()
        defer { withExtendedLifetime(gate) {} }
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        let config = gate.path("gate/dropgate.yaml")
        let settings = try SettingsLoader.load(file: config)
        func check() async -> GateCheck { GateCheck(await GateFacts(settings, asksGate: false)) }
        #expect(await check().accountDirectory().isEmpty)
        try FileManager.default.removeItem(atPath: settings.accounts)
        #expect(await check().accountDirectory().isEmpty, "there was never one")
        #expect(await check().accounts().map(\.state) == [.warn])

        try gate.write("gate/state/staging/incoming/sftp/acme/parts/x", "")
        let found = await check().accountDirectory()
        #expect(found.map(\.state) == [.fail] && found.map(\.start) == [.goesOn], "\(found)")
        #expect(found.first?.text.contains("\(settings.accounts), is gone") == true)
        #expect(await check().accounts() == found)
        let said = await TestGate.run(["serve", "--check", "--config", config])
        #expect(said.error.contains("warning: accounts: the directory of the accounts"), "\(said)")
    }

    /// Who only collects leaves nothing in staging.
    @Test func accountsThatOnlyTheLedgerTellsOfAreMissedWithTheirDirectory() async throws {
        let gate = try TestGate()
        defer { withExtendedLifetime(gate) {} }
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        let settings = try SettingsLoader.load(file: gate.path("gate/dropgate.yaml"))
        func found() async -> [Finding] {
            GateCheck(await GateFacts(settings, asksGate: false)).accountDirectory()
        }
        func record(_ attempts: Attempt...) throws {
            let store = try settings.ledgerHandle.open(node: "t")
            _ = try store.commit(attempts.map { .append($0, drop: nil) }, now: .now())
        }
        // The lists came into force, somebody was refused, and the accounts could not be looked at.
        try record(
            Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed),
            Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .unknownAccount),
            Attempt(kind: .policy, channel: .sftp, verdict: .rejected, reason: .malformed))
        try FileManager.default.removeItem(atPath: settings.accounts)
        #expect(await found().isEmpty)
        try record(Attempt(kind: .policy, channel: .sftp, verdict: .accepted, reason: .changed))
        #expect(await found().map(\.state) == [.fail])
    }

    // MARK: Staging

    @Test(arguments: ["receipts", "ready/webhook"])
    func aLinkInStagingIsCalledOneWithWhatToDo(name: String) throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        #expect(StagingLinkCheck.findings(settings).isEmpty)
        try gate.write("elsewhere/file", "")
        try gate.write("state/staging/ready/sftp/acme/file", "")
        let link = gate.path("state/staging/\(name)")
        let target = gate.path("elsewhere")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        let found = StagingLinkCheck.findings(settings)
        #expect(found.map(\.start) == [.isRefused] && found.map(\.state) == [.fail])
        let words = "\(link) is a symbolic link (to \(target)), and the gate follows no link in staging"
        #expect(found.first?.text == words)
        #expect(found.first?.fix?.hasPrefix("put the directory itself back in its place") == true)
    }

    @Test func aReceiptThatACrashLeftHalfWrittenIsTakenForNoAccount() throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        _ = try StagingArea(path: settings.staging.path)
        try gate.write("state/staging/incoming/sftp/\(DropID.make(milliseconds: 1)).new", "{")
        #expect(StagingLinkCheck.findings(settings).isEmpty)
        #expect(StagingLinkCheck.ofAccounts(settings.staging.path).isEmpty)
        try gate.write("state/staging/incoming/sftp/acme", "")
        #expect(StagingLinkCheck.findings(settings).map(\.start) == [.goesOn])
    }

    @Test(arguments: ["incoming", "quarantine", "receipts"])
    func whatFollowsFromALinkIsLeftOutBesideWhatIsSaidOfTheLink(name: String) async throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        let area = try StagingArea(path: settings.staging.path)
        let (place, away) = ("\(settings.staging.path)/\(name)", gate.path("away"))
        try FileManager.default.moveItem(atPath: "\(area.path)/\(name)", toPath: away)
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: away)
        let link = try #require(StagingLinkCheck.findings(settings).first)
        let check = GateCheck(await GateFacts(settings, asksGate: false))
        let others = (FilesystemCheck(settings).findings() + check.staging()).filter { $0.cause != nil }
        #expect(link.place == place && others.map(\.cause) == [place], "\(others)")
        for other in others {
            #expect(Diagnostics.isTold(other, in: [other, link]), "\(other)")
            #expect(!Diagnostics.isTold(link, in: [other, link]))
        }
    }

    @Test func whatFollowsFromAPlaceIsToldOnlyByWhatIsSaidOfThatPlace() {
        func finding(at place: String, from cause: String? = nil) -> Finding {
            var finding = Finding.fatal("filesystem", "its owner may not write \(place)", fix: "x")
            (finding.place, finding.cause) = (place, cause)
            return finding
        }
        let (closed, follows) = (finding(at: "/s"), finding(at: "/s/x", from: "/s"))
        #expect(Diagnostics.isTold(follows, in: [closed, follows]))
        #expect(!Diagnostics.isTold(closed, in: [closed, follows]))
        for other in ["/s/x", "/s.old", "/s2", "/"] {
            #expect(!Diagnostics.isTold(follows, in: [finding(at: other), follows]), "\(other)")
        }
        var weaker = closed
        weaker.start = .goesOn
        #expect(!Diagnostics.isTold(follows, in: [weaker, follows]), "it refuses the start")
        var elsewhere = closed
        elsewhere.area = "ledger"
        #expect(!Diagnostics.isTold(follows, in: [elsewhere, follows]))
    }

    @Test(arguments: [
        "incoming/sftp/acme", "incoming/sftp/acme/parts", "incoming/sftp/acme/claimed", "ready/sftp/acme",
    ])
    func aLinkInPlaceOfADirectoryOfAnAccountIsAWarningOfACheck(name: String) async throws {
        let gate = try TestGate()
        let made = await TestGate.run(["init", gate.path("gate")])
        #expect(made.status == 0, "\(made)")
        let config = gate.path("gate/dropgate.yaml")
        let settings = try SettingsLoader.load(file: config)
        let area = try StagingArea(path: settings.staging.path)
        let store = try PartialStore(incoming: area.uploads.path + "/acme")
        try gate.write("gate/state/staging/ready/sftp/acme/file", "")
        #expect(StagingLinkCheck.findings(settings).isEmpty)
        #expect(OwnershipCheck.findings(settings, byOwner: true).isEmpty)
        _ = try store.small()
        let inner = try FileManager.default.contentsOfDirectory(atPath: store.path)
        #expect(Set(inner) == Set(StagingLayout.ofUploads))

        let (place, away) = ("\(settings.staging.path)/\(name)", gate.path("away"))
        try FileManager.default.moveItem(atPath: place, toPath: away)
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: away)
        let found = StagingLinkCheck.findings(settings)
        #expect(found.map(\.state) == [.fail] && found.map(\.start) == [.goesOn], "\(found)")
        #expect(found.first?.text.hasPrefix("\(place) is a symbolic link") == true)
        #expect(OwnershipCheck.barrier([settings.staging.path, place], settings) == found.first)
        let said = await TestGate.run(["serve", "--check", "--config", config])
        #expect(
            said.status == 0 && said.error.contains("warning: filesystem: \(place) is a symbolic link"),
            "\(said)")
    }

    /// Root looks in the place of whoever owns the state; else the owner's own right is taken away.
    @Test(arguments: ["incoming/sftp/acme", "incoming/sftp/acme/tree", "ready/sftp/acme"])
    func aDirectoryOfAnAccountThatTheGateMayNotWriteKeepsNoGateFromStarting(name: String) throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        let area = try StagingArea(path: settings.staging.path)
        _ = try PartialStore(incoming: area.uploads.path + "/acme")
        try gate.write("state/staging/ready/sftp/acme/file", "")
        let place = "\(settings.staging.path)/\(name)"
        if geteuid() == 0 {
            try giveState(of: gate, to: 1)
            try #require(chown(place, 0, 0) == 0)
        } else {
            try #require(chmod(place, 0o500) == 0)
        }
        defer { chmod(place, 0o700) }
        let found = OwnershipCheck.findings(settings, byOwner: true)
        #expect(found.map(\.state) == [.fail] && found.map(\.start) == [.goesOn], "\(found)")
        let daemon = SystemUser.name(of: 1) ?? "1"
        #expect(
            found.first?.fix
                == (geteuid() == 0
                    ? "give it to the gate's user: chown -R \(daemon) \(place)" : "chmod u+rwX \(place)"))
    }

    private func giveState(of gate: TestGate, to user: uid_t) throws {
        let state = gate.path("state")
        let inner = try FileManager.default.subpathsOfDirectory(atPath: state).map { "\(state)/\($0)" }
        for path in [state] + inner { try #require(lchown(path, user, user) == 0) }
    }

    /// As the root of a filesystem that is mounted there often is.
    @Test(.enabled(if: geteuid() == 0, "gives files to other users"))
    func whatTheGateMayUseByItsGroupIsItsToUse() throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        let staging = settings.staging.path
        _ = try StagingArea(path: staging)
        try giveState(of: gate, to: 1)
        func found() -> [Finding] { OwnershipCheck.findings(settings, byOwner: true) }
        #expect(found().isEmpty)
        try #require(chown(staging, 0, 1) == 0)
        for (mode, isOpen) in [(0o770, true), (0o750, false), (0o707, false), (0o777, true)]
            as [(mode_t, Bool)]
        {
            try #require(chmod(staging, mode) == 0)
            #expect(found().isEmpty == isOpen, "\(String(mode, radix: 8)): \(found())")
        }
        try #require(chown(staging, 0, 0) == 0 && chmod(staging, 0o770) == 0)
        #expect(found().map(\.start) == [.isRefused], "root's group is not the gate's")
        try #require(chown(staging, 0, 0) == 0 && chmod(staging, 0o707) == 0)
        #expect(found().isEmpty, "it is everybody's")
        // Whom a list lets in is not looked into.
        try #require(chmod(staging, 0o700) == 0)
        try AccessGroup(formerly: "daemon", 1).pass(through: staging)
        #expect(found().isEmpty, "\(found())")
    }

    /// Root has put a ledger back; a gate that runs as root has a lock of root's beside it.
    @Test(.enabled(if: geteuid() == 0, "gives files to other users"))
    func aLedgerOfRootsInTheStateOfAnotherUserIsToBeGivenToThatUser() throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        try gate.write("state/ledger.sqlite", "x")
        try gate.write("state/ledger.sqlite.lock", "")
        try giveState(of: gate, to: 1)
        let ledger = gate.path("state/ledger.sqlite")
        #expect(SetupOwner(ofLedger: settings)?.user == 1)
        #expect(OwnershipCheck.findings(settings, byOwner: true).isEmpty)
        try #require(chown(ledger, 0, 0) == 0 && chmod(ledger, 0o600) == 0)
        #expect(SetupOwner(ofLedger: settings)?.user == 1)
        let found = OwnershipCheck.findings(settings, byOwner: true)
        #expect(found.map(\.start) == [.isRefused], "\(found)")
        let daemon = SystemUser.name(of: 1) ?? "1"
        #expect(found.first?.fix == "give it to the gate's user: chown \(daemon) \(ledger)")
        try #require(chown(ledger + ".lock", 0, 0) == 0)
        #expect(SetupOwner(ofLedger: settings) == nil)
        #expect(OwnershipCheck.findings(settings, byOwner: true).isEmpty)
    }

    @Test func aCheckWarnsWhereAStartWouldFindNoRoom() async throws {
        let gate = try TestGate.plain()
        #expect(await gate.run("init").status == 0)
        try gate.write("dropgate.yaml", try gate.read("dropgate.yaml") + "staging: {reserve: 1024TiB}\n")
        let said = await gate.run("serve", "--check")
        #expect(
            said.status == 0 && said.error.contains("are kept back: nothing is accepted; make room"),
            "\(said)")
    }

    @Test func aLinkInPlaceOfADayKeepsAGateFromStartingWhereItHasToEndARelease() throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        try gate.write("state/staging/ready/webhook/2026-11-22/file", "")
        try gate.write("state/staging/ready/webhook/notes.txt", "")
        try gate.write("state/staging/ready/sftp/acme", "no directory")
        try gate.write("state/staging/incoming/sftp/acme/parts/x", "")
        let link = gate.path("state/staging/ready/webhook/2026-11-23")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: gate.path("elsewhere"))
        let found = StagingLinkCheck.findings(settings)
        #expect(
            found.map(\.state) == [.fail, .fail] && found.map(\.start) == [.goesOn, .goesOn], "\(found)")
        #expect(
            found.first?.text.hasPrefix("\(gate.path("state/staging/ready/sftp/acme")) is not a directory")
                == true)
        #expect(found.last?.text.hasPrefix("\(link) is a symbolic link (to ") == true)
        try gate.write("state/staging/incoming/webhook/x.whole/data", "")
        #expect(StagingLinkCheck.findings(settings).map(\.start) == [.goesOn, .isRefused])
    }

    @Test func whatAStartMakesInStagingIsAmongTheDirectoriesThatAreLookedAt() throws {
        let gate = try TestGate()
        let area = try StagingArea(path: gate.path("staging"))
        let made = try FileManager.default.subpathsOfDirectory(atPath: area.path)
        #expect(Set(made) == Set(StagingLayout.directories.prefix(7)))
    }

    // MARK: Host keys

    private static let known = HostKeyRecord(keys: ["ssh-rsa SHA256:r", "ssh-ed25519 SHA256:e"])

    @Test func hostKeysThatAreTheSameInWhateverOrderHaveNotChanged() {
        #expect(Self.known.change(from: HostKeyRecord(keys: Self.known.keys.reversed())) == nil)
        #expect(Self.known.change(from: HostKeyRecord(keys: [])) == nil, "nothing is known of it")
    }

    @Test func aHostKeyThatIsGoneIsToldToVSee() throws {
        let change = try #require(
            HostKeyRecord(keys: ["ssh-rsa SHA256:r", "ssh-ed25519 SHA256:new"]).change(from: Self.known))
        #expect(change.breaksCallers)
        for words in ["gone: ssh-ed25519 SHA256:e;", "new: ssh-ed25519 SHA256:new;", "tell VSee"] {
            #expect(change.text.contains(words))
        }
        let fewer = try #require(HostKeyRecord(keys: ["ssh-rsa SHA256:r"]).change(from: Self.known))
        #expect(fewer.breaksCallers && fewer.text.contains("none is new"))
    }

    @Test func aHostKeyMoreBreaksNobody() throws {
        let change = try #require(
            HostKeyRecord(keys: Self.known.keys + ["ecdsa SHA256:c"]).change(from: Self.known))
        #expect(!change.breaksCallers && change.text.contains("ecdsa SHA256:c"))
    }

    @Test func aRecordComesBackFromItsEntry() {
        #expect(HostKeyRecord(Self.known.json) == Self.known)
        #expect(HostKeyRecord(JSONValue.string("ssh-rsa")) == nil && HostKeyRecord(nil as JSONValue?) == nil)
    }

    // MARK: Starts that are sealed

    private static let lists = "sha256:0"

    private static func run(_ reason: Reason) -> Attempt {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: reason)
        attempt.detail[HostKeyRecord.member] = known.json
        attempt.policy = lists
        return attempt
    }

    /// A ledger whose start is in a segment, and what became of the gate since.
    private func sealedStart(
        _ directory: TemporaryDirectory, then rest: [Attempt] = []
    ) throws -> (ledger: LedgerHandle, segment: String) {
        let ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        let store = try ledger.open(node: "t")
        var call = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        call.policy = "sha256:older"
        let attempts = [Self.run(.started)] + Array(repeating: call, count: 300) + rest
        _ = try store.commit(attempts.map { .append($0, drop: nil) }, now: Instant(microseconds: 5))
        let segment = try ledger.sealing().writeSegment(0, 0..<256)
        _ = try store.commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], now: .now())
        return (ledger, directory.file("segments/\(segment.fileName)"))
    }

    @Test func whoCanWaitFindsAStartThatIsSealed() throws {
        let directory = try TemporaryDirectory("sealed")
        let (ledger, segment) = try sealedStart(directory)
        let reader = try ledger.reader()
        #expect(try HostKeyRecord.last(in: reader)?.keys == Self.known)
        #expect(try PolicyHistory(reader, ledger.policies).newest()?.version == Self.lists)
        try FileManager.default.removeItem(atPath: segment)
        #expect(throws: LedgerError.self) { try HostKeyRecord.last(in: reader) }
        #expect(throws: LedgerError.self) { try PolicyHistory(reader, ledger.policies).newest() }
    }

    /// It does not even look at the files of sealed entries.
    @Test func aStartTakesWhatTheStopBeforeItSays() throws {
        let directory = try TemporaryDirectory("sealed")
        let (ledger, segment) = try sealedStart(directory, then: [Self.run(.stopped)])
        try FileManager.default.removeItem(atPath: segment)
        let reader = try ledger.reader()
        #expect(try HostKeyRecord.shown(in: reader) == Self.known)
        let last = try #require(try PolicyHistory(reader, ledger.policies).last())
        #expect(last.version == Self.lists && last.isStop)
    }

    @Test func whatOnlySealedEntriesTellIsUnknownToAStart() throws {
        let directory = try TemporaryDirectory("sealed")
        let reader = try sealedStart(directory).ledger.reader()
        #expect(throws: LedgerError.self) { try HostKeyRecord.shown(in: reader) }
        #expect(throws: PolicyUnknown.self) {
            try PolicyHistory(reader, PolicyArchive(directory: directory.path)).last()
        }
    }

    @Test func anEmptyLedgerTellsThatNoGateHasRun() throws {
        let directory = try TemporaryDirectory("empty")
        let ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        _ = try ledger.open(node: "t")
        #expect(try HostKeyRecord.shown(in: ledger.reader()) == nil)
        #expect(try PolicyHistory(ledger.reader(), ledger.policies).last() == nil)
    }

    // MARK: Certificates

    @Test(arguments: [
        (-400, -1, Finding.State.fail, "has expired (on 2026-11-22, 1 day ago): callers refuse it"),
        (-400, 0, .warn, "in 0 days"), (-400, -30, .fail, "has expired (on 2026-10-24, 30 days ago)"),
        (-1, 20, .warn, "expires on 2026-12-13, in 20 days"),
        (-1, 1, .warn, "in 1 day: then callers"), (-1, 0, .warn, "in 0 days"),
        (2, 300, .fail, "is not valid before"),
    ])
    func aCertificateNearItsEndOrPastItIsToldWithTheDay(
        from: Int64, until: Int64, state: Finding.State, words: String
    ) throws {
        let found = try #require(certificate(from: from, until: until))
        #expect(found.state == state && found.text.contains(words), "\(found.text)")
        #expect(found.fix?.contains("renew it") == true)
    }

    @Test func aCertificateOfThreeWeeksIsWell() { #expect(certificate(from: -1, until: 21) == nil) }

    /// In days from now.
    private func certificate(from: Int64, until: Int64) -> Finding? {
        let today: Int64 = 1_795_421_730
        return CertificateCheck.finding(
            "a.pem", from: today + from * 86_400, until: today + until * 86_400, today: today,
            "callers refuse it",
            "renew it")
    }

    // MARK: Forwarding

    private func forwarder(
        waiting: Int64?, seconds: Int64, isFailing: Bool, error: String? = nil, success: String? = nil
    ) -> Finding {
        ForwardingCheck.finding(
            ForwarderState(
                name: "syslog", target: "tcp://logs:601", confirmed: 4, waiting: waiting,
                waitingSeconds: seconds,
                isFailing: isFailing, lastError: error, lastErrorTime: error.map { _ in "T1" },
                lastSuccess: success))
    }

    @Test func forwardingThatIsStuckSaysHowFarAndHowLongAndWhy() {
        let found = forwarder(
            waiting: 12, seconds: 340, isFailing: true, error: "nobody listens", success: "T0")
        #expect(found.state == .fail && found.fix != nil)
        #expect(
            found.text
                == "syslog to tcp://logs:601 got through last at T0: 12 entries wait, the oldest for 340 s; the last error, "
                + "at T1: nobody listens")
        let never = forwarder(waiting: nil, seconds: 0, isFailing: true, error: "damaged")
        #expect(
            never.text.contains(
                "has not got through since the gate's start: how far it has got is not known"))
    }

    @Test func forwardingThatIsSlowIsAWarningAndWhatIsOnTheWayIsWell() {
        #expect(forwarder(waiting: 1, seconds: 61, isFailing: false).state == .warn)
        #expect(
            forwarder(waiting: 1, seconds: 2, isFailing: false).text
                == "syslog to tcp://logs:601: 1 entry on the way")
        #expect(forwarder(waiting: 0, seconds: 0, isFailing: false, error: "old").state == .ok)
    }
}
