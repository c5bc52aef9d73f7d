// Exports: the texts of a small plan, word for word, and what is refused.
import Admission
import JSON
import Ledger
import RuleBook
import Settings
import Testing

@Suite struct ExportTests {
    private static let now = Instant(rfc3339: "2026-11-25T00:00:00Z") ?? .now()

    private func entry(
        _ service: String, _ cidr: String, _ channels: Set<Channel> = [.webhook, .sftp],
        mode: SourceEntry.Mode = .enforce, expires: String? = nil
    ) throws -> SourceEntry {
        SourceEntry(
            list: "vsee", service: service, cidr: try CIDRBlock(cidr), channels: channels,
            expires: expires.flatMap { Instant(rfc3339: $0) }, mode: mode)
    }

    private func settings(webhookPort: UInt16 = 8443, sftp: Bool = true) throws -> GateSettings {
        let any = try IPAddress("0.0.0.0")
        return GateSettings(
            state: "/s", node: "n",
            webhook: WebhookSettings(listen: ListenAddress(ip: any, port: webhookPort), tls: nil),
            sftp: sftp ? SFTPSettings(listen: ListenAddress(ip: any, port: 2222), hostKeys: []) : nil,
            console: nil, accounts: "/a", staging: StagingSettings(path: "/t"),
            ledger: LedgerSettings(path: "/l", key: "/k"))
    }

    private func plan(
        _ entries: [SourceEntry], _ settings: GateSettings? = nil, channels: [Channel] = []
    ) throws -> FirewallPlan {
        try IngressPlan.make(
            policy: Policy(entries: entries), settings: settings ?? self.settings(), channels: channels,
            at: Self.now)
    }

    private func mixed() throws -> FirewallPlan {
        try plan(
            [
                entry("clinic", "20.21.208.105"), entry("messenger", "20.21.208.105"),
                entry("new", "2001:db8::/32", mode: .observe),
            ], settings(sftp: false))
    }

    /// The lines of an export without its comments.
    private func body(_ format: ExportFormat, _ plan: FirewallPlan, _ family: AddressFamily = .v4) throws
        -> [String]
    {
        try format.text(plan, family: family).split(separator: "\n").map(String.init).filter {
            !$0.hasPrefix("#")
        }
    }

    private func many(_ format: ExportFormat, _ count: Int) throws -> (FirewallPlan, [String]) {
        let entries =
            try (1...count).map { try entry("s\($0)", "192.0.2.\($0)", [.webhook]) }
            + [entry("six", "2001:db8::1", [.webhook])]
        let plan = try plan(entries, settings(sftp: false))
        return (plan, try format.warnings(plan))
    }

    @Test(arguments: [ExportFormat.awsSG, .terraformAWS])
    func moreRulesThanASecurityGroupTakesAreWarnedOf(format: ExportFormat) throws {
        #expect(try many(format, 60).1.isEmpty)
        let (plan, warnings) = try many(format, 61)
        #expect(warnings.count == 1)
        #expect(
            warnings[0].hasPrefix("these are 61 ingress rules for IPv4, and a security group of AWS takes 60")
        )
        guard format == .terraformAWS else { return }
        #expect(try format.text(plan).contains("\n# \(warnings[0])\n"))
    }

    @Test func otherFirewallsHaveNoSuchBound() throws {
        for format in ExportFormat.allCases where format != .awsSG && format != .terraformAWS {
            #expect(try many(format, 200).1.isEmpty)
        }
    }

    @Test func nftables() throws {
        let text = try ExportFormat.nftables.text(mixed())
        #expect(text.hasPrefix("#!/usr/sbin/nft -f\n# dropgate rules export --direction ingress."))
        #expect(
            text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(5).joined(separator: "\n")
                == """

                table inet dropgate
                delete table inet dropgate

                table inet dropgate {
                    set webhook_v4 {
                        type ipv4_addr
                        flags interval
                        elements = {
                            20.21.208.105/32, # vsee/clinic, vsee/messenger
                        }
                    }

                    set webhook_v6 {
                        type ipv6_addr
                        flags interval
                        elements = {
                            2001:db8::/32, # vsee/new (observed)
                        }
                    }

                    chain input {
                        type filter hook input priority -10; policy accept;
                        iifname "lo" accept
                        # webhook
                        tcp dport { 8443 } ip saddr @webhook_v4 counter accept
                        tcp dport { 8443 } ip6 saddr @webhook_v6 counter accept
                        tcp dport { 8443 } counter drop
                    }
                }

                """)
    }

    @Test func iptablesHasAFileForEachFamily() throws {
        #expect(
            try body(.iptables, mixed()) == [
                "*filter", ":DROPGATE_IN - [0:0]", "-A DROPGATE_IN -i lo -j RETURN",
                "-A DROPGATE_IN -p tcp -m tcp --dport 8443 -s 20.21.208.105/32 -j ACCEPT",
                "-A DROPGATE_IN -p tcp -m tcp --dport 8443 -j DROP",
                "-I INPUT 1 -p tcp -m tcp --dport 8443 -j DROPGATE_IN", "COMMIT",
            ])
        let v6 = try body(.iptables, mixed(), .v6)
        #expect(v6.contains("-A DROPGATE_IN -p tcp -m tcp --dport 8443 -s 2001:db8::/32 -j ACCEPT"))
        #expect(!v6.contains { $0.contains("20.21") })
    }

    @Test func ufw() throws {
        #expect(
            try body(.ufw, mixed()) == [
                "set -e",
                "ufw allow proto tcp from 20.21.208.105/32 to any port 8443 comment "
                    + "'dropgate webhook: vsee/clinic, vsee/messenger'",
                "ufw allow proto tcp from 2001:db8::/32 to any port 8443 comment "
                    + "'dropgate webhook: vsee/new (observed)'",
            ])
    }

    @Test func firewalld() throws {
        let lines = try body(.firewalld, mixed())
        #expect(lines.contains("$cmd --new-ipset=dg-in-1-4 --type=hash:net --option=family=inet"))
        #expect(
            lines.contains(
                "$cmd --policy=dropgate-in --add-rich-rule='rule family=\"ipv6\" source ipset=\"dg-in-1-6\" "
                    + "port port=\"8443\" protocol=\"tcp\" accept'"))
        #expect(
            lines.last?.hasSuffix("'rule priority=\"10\" port port=\"8443\" protocol=\"tcp\" drop'") == true)
    }

    @Test func edlHasABlockALineAndTerraformAResource() throws {
        #expect(try body(.edl, mixed()) == ["20.21.208.105/32", "2001:db8::/32"])
        let terraform = try body(.terraformAWS, mixed())
        #expect(
            terraform.contains(
                "resource \"aws_vpc_security_group_ingress_rule\" "
                    + "\"dropgate_tcp_8443_20_21_208_105_32\" {"))
        #expect(terraform.contains("  cidr_ipv6         = \"2001:db8::/32\""))
        #expect(terraform.filter { $0.hasSuffix("{") }.count == terraform.filter { $0 == "}" }.count)
    }

    @Test func theCloudsTakeJSON() throws {
        let plan = try mixed()
        let aws = try JSONValue(parsing: Array(ExportFormat.awsSG.text(plan).utf8))
        let permission = try #require(aws.array?.first)
        #expect(permission["FromPort"]?.int == 8443 && permission["IpProtocol"]?.string == "tcp")
        #expect(permission["IpRanges"]?.array?.first?["CidrIp"]?.string == "20.21.208.105/32")
        #expect(permission["Ipv6Ranges"]?.array?.first?["CidrIpv6"]?.string == "2001:db8::/32")
        let note = permission["IpRanges"]?.array?.first?["Description"]?.string ?? ""
        #expect(note.contains(plan.version) && note.count <= 255)
        let azure = try JSONValue(parsing: Array(ExportFormat.azureNSG.text(plan).utf8))
        let rules = azure["resources"]?.array?.compactMap { $0["properties"] } ?? []
        #expect(rules.map { $0["access"]?.string } == ["Allow", "Allow", "Deny"])
        #expect(rules.map { $0["priority"]?.int } == [1000, 1001, 1002])
        #expect(rules[0]["sourceAddressPrefixes"]?.array == ["20.21.208.105/32"])
        let json = try JSONValue(parsing: Array(ExportFormat.json.text(plan).utf8))
        #expect(json["version"]?.string == plan.version)
    }

    @Test(arguments: ExportFormat.allCases)
    func everyExportIsTheSameTwiceAndNamesThePolicy(format: ExportFormat) throws {
        let text = try format.text(mixed())
        #expect(try text == format.text(mixed()) && text.contains("policy sha256:"))
        #expect(text.hasSuffix("\n"))
    }

    // MARK: What the gate says

    @Test func anExpiredEntryIsLeftOutAndOneWithinAnotherToo() throws {
        let plan = try plan([
            entry("old", "192.0.2.1", expires: "2026-11-25"), entry("wide", "198.51.100.0/24"),
            entry("narrow", "198.51.100.7"), entry("hook", "203.0.113.1", [.webhook]),
        ])
        #expect(plan.groups.map(\.name) == ["webhook", "sftp"])
        #expect(plan.groups[0].peers.map { "\($0.block)" } == ["198.51.100.0/24", "203.0.113.1/32"])
        #expect(plan.groups[1].peers.map { "\($0.block)" } == ["198.51.100.0/24"])
        #expect(plan.groups[1].peers[0].origin == "vsee/narrow, vsee/wide")
    }

    @Test func anEmptySetIsRefused() throws {
        let old = try entry("old", "192.0.2.1", expires: "2026-11-24")
        let refusal = #expect(throws: RuleBookError.self) { try plan([old]) }
        #expect(refusal?.description.contains("webhook: every entry that opens it has expired") == true)
        let hook = try entry("hook", "192.0.2.1", [.webhook])
        let other = #expect(throws: RuleBookError.self) { try plan([hook]) }
        #expect(other?.description.contains("sftp: no entry opens it") == true)
        #expect(try plan([hook], channels: [.webhook]).groups.count == 1)
        // A family without a block is shut, not left open.
        let v6 = try body(.iptables, plan([hook], channels: [.webhook]), .v6)
        #expect(v6.contains("-A DROPGATE_IN -p tcp -m tcp --dport 8443 -j DROP"))
        #expect(!v6.contains { $0.hasSuffix("ACCEPT") })
        var empty = try plan([hook], channels: [.webhook])
        empty.groups[0].peers = []
        for format in ExportFormat.allCases {
            #expect(throws: RuleBookError.self) { try format.text(empty) }
        }
    }

    @Test func aPortThatIsChosenAtTheStartIsRefused() throws {
        #expect(throws: RuleBookError.self) {
            try plan([entry("a", "192.0.2.1")], settings(webhookPort: 0))
        }
    }

    @Test func behindAProxyOnlyTheProxyMayComeIn() throws {
        var settings = try settings(sftp: false)
        settings.webhook?.address = AddressSettings(
            mode: .proxyProtocol, trustedProxies: [try CIDRBlock("10.0.0.5")])
        let plan = try plan([entry("a", "192.0.2.1")], settings)
        #expect(plan.groups[0].peers.map { "\($0.block)" } == ["10.0.0.5/32"])
        #expect(plan.remarks.contains { $0.contains("behind a proxy") })
    }

    // MARK: Egress

    private func egress(
        _ rules: EgressPlan.Rules, optional: Bool = false, hosts: [String] = [],
        addresses: [String: [IPAddress]]? = nil
    ) throws -> FirewallPlan {
        let book = try RuleBookLoader.load(files: [])[0]
        var map = HostMap()
        for host in hosts {
            let isAdded = map.add(host)
            #expect(isAdded)
        }
        return try EgressPlan.make(
            book, EgressPlan.rows(book, rules, withOptional: optional), map, addresses: addresses)
    }

    @Test func namesStayNamesWhereTheyCan() throws {
        let plan = try egress(.simplified, optional: true)
        #expect(try body(.edl, plan) == ["*.vsee.qa", "s3.amazonaws.com"])
        let json = try JSONValue(parsing: Array(ExportFormat.json.text(plan).utf8))
        #expect(
            json["rules"]?.array?.map { $0["name"]?.string } == [
                "simplified-core", "simplified-presence", "simplified-recording",
            ])
        for format in ExportFormat.allCases where !format.carriesNames {
            let refusal = #expect(throws: RuleBookError.self) { try format.text(plan) }
            #expect(refusal?.description.contains("--resolve") == true)
        }
    }

    @Test func aWildcardCannotBeLookedUp() throws {
        let refusal = #expect(throws: RuleBookError.self) { try egress(.simplified, addresses: [:]) }
        #expect(refusal?.description.contains("*.vsee.qa is a wildcard") == true)
        let empty = #expect(throws: RuleBookError.self) {
            try egress(.simplified, hosts: ["*.vsee.qa=a.vsee.qa"], addresses: ["a.vsee.qa": []])
        }
        #expect(empty?.description.contains("none of its servers resolved") == true)
    }

    @Test func undocumentedRowsFallBackAndSaySo() throws {
        let addresses = [
            "a.vsee.qa": [try IPAddress("192.0.2.9")], "region.vsee.qa": [try IPAddress("192.0.2.8")],
            "s3.amazonaws.com": [try IPAddress("2001:db8::3")],
        ]
        let plan = try egress(
            .detailed, optional: true, hosts: ["*.vsee.qa=a.vsee.qa"], addresses: addresses)
        #expect(plan.groups.count == 10)
        #expect(
            plan.remarks.contains("messenger-turn: servers not documented; those of simplified-core stand in")
        )
        #expect(plan.remarks.contains("optional-sso: servers not documented; left out"))
        let text = try ExportFormat.nftables.text(plan)
        #expect(text.contains("udp dport { 3478 } ip daddr @messenger_turn_v4 counter accept"))
        #expect(text.contains("49152-65535") && !text.contains("drop\n") && text.contains("hook output"))
        let lines = try body(.iptables, plan)
        #expect(lines.contains("-A DROPGATE_OUT -p udp -m udp --dport 49152:65535 -d 192.0.2.9/32 -j ACCEPT"))
        #expect(try ExportFormat.iptables.text(plan, family: .v6).contains("2001:db8::3/128"))
    }
}
