// What to try for each row of a rule book: pure, from the book and the hosts that are known. Trying is elsewhere.
import Admission

/// One thing to try.
struct CheckTarget: Sendable, Hashable {
    enum Method: Sendable, Hashable {
        case connect
        /// The name that the certificate must have; nil: the address itself.
        case tls(name: String?)
        case stun
        case datagram
        /// Nothing can be tried: why.
        case nothing(String)
    }

    var host: String
    var port: UInt16
    var method: Method
    var what: String
    var group: String
}

/// A row of the document and what to try for it.
struct CheckRow: Sendable {
    enum Work: Sendable {
        case targets([CheckTarget], remark: String?)
        /// Persistent TCP through the proxy to this host, whose certificate must have this name.
        case tunnel(host: String, name: String)
        /// STUN past the proxy, to these targets.
        case directUDP([CheckTarget])
        case skipped(String)
    }

    var id: String
    var purpose: String
    var isOptional: Bool
    var work: Work
}

struct CheckPlan {
    let book: RuleBook
    let map: HostMap
    let hasProxy: Bool

    private static let stunPort: UInt16 = 3478
    private static let tlsPort: UInt16 = 443

    /// Every row in the order of the document.
    var rows: [CheckRow] {
        book.rows.map(row) + book.proxy.map(proxyRow)
            + book.outbound.map { rule in
                CheckRow(
                    id: rule.id, purpose: rule.service, isOptional: true,
                    work: .skipped("VSee calls in from \(rule.address.base); see `dropgate source explain`"))
            }
    }

    private func row(_ row: NetworkRule) -> CheckRow {
        CheckRow(id: row.id, purpose: row.purpose, isOptional: row.isOptional, work: work(row))
    }

    private func work(_ row: NetworkRule) -> CheckRow.Work {
        let missing = row.undocumentedWords.joined(separator: " and ")
        let (ports, servers) = book.effective(row)
        guard !ports.isEmpty, !servers.isEmpty else {
            return .skipped("undocumented: \(missing); no other row stands in")
        }
        let targets = targets(row)
        guard !targets.isEmpty else {
            let wildcard = servers.first?.text ?? ""
            let why = "\(wildcard) is a wildcard; name a host with --host '\(wildcard)=HOST'"
            return .skipped(missing.isEmpty ? why : "undocumented: \(missing); \(why)")
        }
        return .targets(
            targets, remark: row.fallsBackTo.map { "undocumented: \(missing); tried as \($0)" })
    }

    private func targets(_ row: NetworkRule) -> [CheckTarget] {
        let (ports, servers) = book.effective(row)
        return servers.flatMap { server in
            map.hosts(for: server, row: row.id).flatMap { host in
                ports.map { target($0, host, server) }
            }
        }
    }

    private func target(_ port: PortRange, _ host: String, _ server: ServerName) -> CheckTarget {
        let method: CheckTarget.Method =
            switch (port.transport, port.first) {
            case _ where !port.isSingle: .nothing("a range of ports that servers open when they need them")
            case (.tcp, Self.tlsPort): .tls(name: tlsName(host, server))
            case (.tcp, _): .connect
            case (.udp, Self.stunPort): .stun
            case (.udp, _): .datagram
            }
        return CheckTarget(
            host: host, port: port.first, method: method, what: "\(port) \(host)", group: "\(port) \(server)")
    }

    /// The documented name, where there is one; else the host as given, unless it is an address.
    private func tlsName(_ host: String, _ server: ServerName) -> String? {
        if !server.isWildcard { return server.text }
        return (try? IPAddress(host)) == nil ? host : nil
    }

    // MARK: Proxy

    private func proxyRow(_ rule: ProxyRule) -> CheckRow {
        CheckRow(id: rule.id, purpose: rule.purpose, isOptional: rule.isOptional, work: proxyWork(rule))
    }

    private func proxyWork(_ rule: ProxyRule) -> CheckRow.Work {
        if rule.means == .bypass { return .skipped("advice; there is nothing to try") }
        guard hasProxy else { return .skipped("no proxy; name yours with --proxy http://HOST:PORT") }
        if rule.means == .persistentTCP {
            // Behind a proxy the peer's address is the proxy's, so a certificate must have a name to verify.
            for target in book.rows.filter({ !$0.isOptional }).flatMap(targets) {
                if case .tls(let name?) = target.method { return .tunnel(host: target.host, name: name) }
            }
            return .skipped("no TLS server of a name is known; name one with --host '*.vsee.qa=HOST'")
        }
        guard let row = rule.row.flatMap(book.row) else { return .skipped("names no row") }
        let targets = targets(row).filter { $0.method == .stun || $0.method == .datagram }
        if targets.isEmpty {
            return .skipped("the servers of \(row.id) are undocumented; name one with --host \(row.id)=HOST")
        }
        return .directUDP(targets)
    }
}
