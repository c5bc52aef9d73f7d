// A gate's intake and what reloads its source lists, which a test changes.
import Admission
import Daemon
import Intake
import JSON
import Ledger
import LedgerSupport
import Logging

struct PolicyScene {
    let gate: TestGate
    let intake: Intake
    let reloader: PolicyReloader

    /// - Parameter patterns: of the lists, in the gate's directory.
    init(
        on disk: FailingDisk = FailingDisk(), patterns: [String] = ["sources/*.yaml"],
        load: @escaping PolicyReloader.Load = PolicyReloader.read
    ) async throws {
        gate = try TestGate.plain()
        intake = try gate.openIntake(on: disk)
        reloader = PolicyReloader(
            patterns: patterns.map(gate.path), intake: intake,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, load: load)
        await reloader.look()
    }

    /// The looks of two seconds: the first sees a change, the second that it is over.
    func settle() async {
        await reloader.look()
        await reloader.look()
    }

    func entries() throws -> [JSONValue] {
        try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader().entries(LedgerQuery()).map {
            try $0.value()
        }
    }

    func isAdmitted(_ ip: String) throws -> Bool {
        let resolver = try AddressResolver(mode: .direct, trustedProxies: [])
        return intake.admit(resolver.resolve(peer: Endpoint(ip: try IPAddress(ip))), channel: .webhook)
            .isAdmitted
    }
}
