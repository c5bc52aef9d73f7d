// Ports that several listeners or rows share: every source gets to its own listener, and no cloud is given a rule twice.
import Admission
import JSON
import Ledger
import RuleBook
import Settings
import Testing

@Suite struct SharedPortTests {
    private func plan(
        sftpAlone: String = "198.51.100.7", webhook: String = "203.0.113.1", sftp: String = "203.0.113.2",
        channels: [Channel] = []
    ) throws -> FirewallPlan {
        let entry = { (service: String, cidr: String, channels: Set<Channel>) in
            SourceEntry(
                list: "vsee", service: service, cidr: try CIDRBlock(cidr), channels: channels, expires: nil,
                mode: .enforce)
        }
        let settings = GateSettings(
            state: "/s", node: "n",
            webhook: WebhookSettings(listen: ListenAddress(ip: try IPAddress(webhook), port: 443), tls: nil),
            sftp: SFTPSettings(listen: ListenAddress(ip: try IPAddress(sftp), port: 443), hostKeys: []),
            console: nil, accounts: "/a", staging: StagingSettings(path: "/t"),
            ledger: LedgerSettings(path: "/l", key: "/k"))
        return try IngressPlan.make(
            policy: Policy(entries: [
                try entry("both", "192.0.2.1", [.webhook, .sftp]), try entry("alone", sftpAlone, [.sftp]),
            ]), settings: settings, channels: channels, at: .now())
    }

    private func lines(_ format: ExportFormat, _ plan: FirewallPlan) throws -> [String] {
        try format.text(plan).split(separator: "\n").map { $0.drop { $0 == " " } }.map(String.init)
            .filter { !$0.hasPrefix("#") }
    }

    @Test func anAddressOfEachListenerIsInItsRulesAndDropsComeLast() throws {
        #expect(
            try lines(.nftables, plan()).suffix(8) == [
                "type filter hook input priority -10; policy accept;", "iifname \"lo\" accept",
                "ip daddr 203.0.113.1 tcp dport { 443 } ip saddr @webhook_v4 counter accept",
                "ip daddr 203.0.113.2 tcp dport { 443 } ip saddr @sftp_v4 counter accept",
                "ip daddr 203.0.113.1 tcp dport { 443 } counter drop",
                "ip daddr 203.0.113.2 tcp dport { 443 } counter drop", "}", "}",
            ])
        #expect(
            try lines(.iptables, plan()) == [
                "*filter", ":DROPGATE_IN - [0:0]", "-A DROPGATE_IN -i lo -j RETURN",
                "-A DROPGATE_IN -d 203.0.113.1 -p tcp -m tcp --dport 443 -s 192.0.2.1/32 -j ACCEPT",
                "-A DROPGATE_IN -d 203.0.113.2 -p tcp -m tcp --dport 443 -s 192.0.2.1/32 -j ACCEPT",
                "-A DROPGATE_IN -d 203.0.113.2 -p tcp -m tcp --dport 443 -s 198.51.100.7/32 -j ACCEPT",
                "-A DROPGATE_IN -d 203.0.113.1 -p tcp -m tcp --dport 443 -j DROP",
                "-A DROPGATE_IN -d 203.0.113.2 -p tcp -m tcp --dport 443 -j DROP",
                "-I INPUT 1 -p tcp -m tcp --dport 443 -j DROPGATE_IN", "COMMIT",
            ])
        #expect(
            try lines(.ufw, plan()).contains(
                "ufw allow proto tcp from 198.51.100.7/32 to 203.0.113.2 port 443 comment 'dropgate sftp: vsee/alone'"
            ))
        let rich = "$cmd --policy=dropgate-in --add-rich-rule='rule "
        let port = "destination address=\"203.0.113.2\" port port=\"443\" protocol=\"tcp\""
        #expect(
            try lines(.firewalld, plan()).suffix(2) == [
                rich + "family=\"ipv4\" source ipset=\"dg-in-2-4\" \(port) accept'",
                rich + "priority=\"10\" family=\"ipv4\" \(port) drop'",
            ])
    }

    @Test func noListenerInAFamilyIsNoFile() throws {
        let refusal = #expect(throws: RuleBookError.self) {
            try ExportFormat.iptables.text(plan(), family: .v6)
        }
        #expect(refusal?.description.contains("no listener has an IPv6 address") == true)
    }

    @Test(arguments: [ExportFormat.edl, .awsSG, .terraformAWS])
    func whatHasNoDestinationsIsRefusedUnlessTheBlocksAreEqual(format: ExportFormat) throws {
        let refusal = #expect(throws: RuleBookError.self) { try format.text(plan()) }
        #expect(refusal?.description.contains("webhook and sftp") == true)
        #expect(refusal?.description.contains("--channel") == true)
        #expect(try format.text(plan(channels: [.sftp])).contains("198.51.100.7/32"))
        let equal = try format.text(plan(sftpAlone: "192.0.2.1"))
        #expect(equal.occurrences("192.0.2.1/32") == 1)
    }

    @Test func listenersThatCannotBeAreRefused() throws {
        for (webhook, sftp) in [
            ("0.0.0.0", "203.0.113.2"), ("::", "0.0.0.0"), ("203.0.113.2", "203.0.113.2"),
        ] {
            let refusal = #expect(throws: RuleBookError.self) { try plan(webhook: webhook, sftp: sftp) }
            #expect(refusal?.description.contains("two listeners cannot have") == true)
        }
        let family = #expect(throws: RuleBookError.self) { try plan(webhook: "2001:db8::1") }
        #expect(family?.description.contains("of the family of 2001:db8::1") == true)
    }

    @Test func azureKeepsItsPrioritiesWhateverElseIsExported() throws {
        let priorities = { (plan: FirewallPlan) in
            let json = try JSONValue(parsing: Array(ExportFormat.azureNSG.text(plan).utf8))
            return json["resources"]?.array?.compactMap { $0["properties"]?["priority"]?.int } ?? []
        }
        #expect(try priorities(plan()) == [1000, 1002, 1008, 1010])
        #expect(try priorities(plan(channels: [.sftp])) == [1008, 1010])
        #expect(
            try ExportFormat.azureNSG.text(plan()).occurrences("\"destinationAddressPrefix\":\"203.0.113.2\"")
                == 2
        )
    }

    @Test(arguments: [ExportFormat.awsSG, .terraformAWS])
    func rowsThatShareAPortAreOneRule(format: ExportFormat) throws {
        let book = try RuleBookLoader.load(files: [])[0]
        var map = HostMap()
        let isAdded = map.add("*.vsee.qa=a.vsee.qa")
        #expect(isAdded)
        let address = try IPAddress("192.0.2.9")
        let plan = try EgressPlan.make(
            book, EgressPlan.rows(book, .simplified, withOptional: true), map,
            addresses: ["a.vsee.qa": [address], "s3.amazonaws.com": [address]])
        let text = try format.text(plan)
        #expect(text.occurrences("192.0.2.9/32") == 11, "one of each port of simplified-core")
        #expect(
            text.contains(
                "dropgate simplified-core, simplified-presence, simplified-recording: a.vsee.qa, s3.amazonaws.com"
            ))
    }

    @Test func namesOfManyRowsDoNotCollide() throws {
        var plan = try plan()
        for index in plan.groups.indices {
            plan.groups[index].title = "messenger-of-a-very-long-name-\(index)"
        }
        let sets = try lines(.firewalld, plan).filter { $0.contains("--new-ipset=") }
        #expect(Set(sets).count == 2)
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func occurrences(_ part: String) -> Int { ranges(of: part).count }
}
