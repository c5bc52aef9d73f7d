// Probes as they are asked for by values, of a place where nobody listens.
import Management
import Reachability
import Settings
import Synchronization
import Testing

@Suite struct ProbeServiceTests {
    @Test func aProbeIsRepeatedUntilNobodyTakesItsReports() async throws {
        let probe = ProbeService.webhook(try ProbeURL("http://127.0.0.1:1/"), .event(.v2))
        let steps = Mutex<[String]>([])
        var reports: [ProbeReport] = []
        let tally = try await ProbeService().run(
            .webhook(probe), ProbeOptions(count: 3, interval: .zero),
            notify: { event in
                if case .began(let step) = event { steps.withLock { $0.append(step) } }
            },
            take: { report in
                reports.append(report)
                return reports.count < 2
            })
        #expect(reports.count == 2 && tally.count == 2 && tally.failed == 2)
        #expect(tally.worst?.diagnosis?.code == .connectRefused)
        #expect(steps.withLock { $0.count { $0 == "connect" } } == 2)
    }

    @Test func withoutAnAccountAnSFTPServerIsAskedAsNobody() async throws {
        let probe = ProbeService.sftp(try SFTPTarget("127.0.0.1:1"), credential: nil, pins: nil)
        #expect(probe.user == "dropgate-probe")
        let tally = try await ProbeService().run(.sftp(probe), ProbeOptions(), notify: { _ in }) { _ in true }
        #expect(tally.worst?.kind == "sftp" && tally.worst?.verdict == .critical)
    }

    @Test(arguments: ["a/b", "a?b", "a#b", "a b", "\u{7F}"])
    func aSecretThatNoPathCanHoldIsInvalid(text: String) {
        let error = #expect(throws: ManagementError.self) {
            try ProbeService.pathSecret(Array(text.utf8), from: "secret")
        }
        #expect(error?.code == .invalid && error?.message.contains(text) == false)
    }

    @Test func aFileWithoutAuthoritiesIsInvalid() {
        let error = #expect(throws: ManagementError.self) {
            try ProbeService.authorities("/dev/null", from: "ca.pem")
        }
        #expect(error?.code == .invalid && error?.message.hasPrefix("ca.pem ") == true)
    }
}
