// Connections for which the process has no descriptor left: what their entries say.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import LocalServer
import Settings
import Support
import Testing

@testable import Accounts
@testable import SFTPReceiver

@Suite struct TurnAwayTests {
    @Test(
        "A shortage of descriptors is one, also where a proxy would have said who calls; who may not call is refused for that",
        arguments: [
            (AddressMode.direct, "192.0.2.7", "connection_limit"), (.direct, "192.0.2.8", "not_listed"),
            (.proxyProtocol, "127.0.0.1", "connection_limit"),
            (.proxyProtocol, "192.0.2.7", "bad_proxy_header"),
        ])
    func reason(mode: AddressMode, peer: String, reason: String) async throws {
        let directory = try TemporaryDirectory("turn-away")
        var configuration = Intake.Configuration(
            node: "t", ledger: LedgerHandle(file: directory.file("ledger.sqlite")),
            stagingPath: directory.file("staging"))
        configuration.reserveBytes = 1
        configuration.reserveInodes = 1
        let intake = try Intake.open(
            configuration, policy: SessionScene.policy("192.0.2.7/32"), logger: quietLogger)
        let files = SSHDFiles(
            tools: .find(),
            configuration: SSHDConfiguration(
                hostKeys: [], session: "/s", socket: "/s", keys: "/s", takesPasswords: false, isRoot: false,
                loginGrace: 1, idleTimeout: 1, maxSessions: 1, maxAuthTries: 1, encryptAndMAC: true),
            layout: SSHDLayout(directory: directory.path), ownUser: nil)
        let handler = ConnectionHandler(
            intake: intake,
            resolver: try AddressResolver(
                mode: mode, trustedProxies: mode == .direct ? [] : [CIDRBlock("127.0.0.1/32")]),
            table: ConnectionTable(maximum: 4, maximumPerSource: 4),
            book: AccountCache(
                store: AccountStore(directory: directory.file("accounts")), handOver: { _ in },
                report: { _ in }),
            process: SSHDProcess(files: files),
            sshd: SSHDWatch(KeptFiles(files), health: intake.health, logger: quietLogger),
            link: try KeptSocket(
                directory.file("link"), "the link", logger: quietLogger, report: { _, _ in false }),
            loginGrace: .seconds(1), logger: quietLogger)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        handler.turnAway(ConnectedSocket(descriptor, peer: Endpoint(ip: try IPAddress(peer))))
        await intake.close()
        let entries = try LedgerHandle(file: directory.file("ledger.sqlite")).reader().entries(LedgerQuery())
            .map { try $0.value() }.filter { $0["kind"]?.string == "connection" }
        #expect(entries.map { $0["reason"]?.string } == [reason])
        let limit = entries.first?["detail"]?["limit"]?.string
        #expect(limit == (reason == "connection_limit" ? "open files" : nil))
    }
}
