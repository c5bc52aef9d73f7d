// Diagnoses of what comes before a protocol: names, routes, ports, and connections that end without a byte.
import Admission
import Files
import Foundation

extension Diagnosis {
    static func nameUnresolved(_ host: String, code: Int32, _ words: String) -> Diagnosis {
        let name = UntrustedText.head(host, limit: 255)
        if code == EAI_AGAIN {
            return Diagnosis(
                .nameUnresolved,
                means: "the name \(name) could not be looked up: no name server answered (\(words))",
                next: "check /etc/resolv.conf and that this machine may reach its name servers")
        }
        return Diagnosis(
            .nameUnresolved, means: "the name \(name) does not resolve (\(words))",
            next: "check its spelling, and that public DNS has an A or AAAA record for it: `dig \(name)`")
    }

    static func resolverTimeout(_ host: String, _ limit: Duration) -> Diagnosis {
        Diagnosis(
            .resolverTimeout,
            means: "the name \(UntrustedText.head(host, limit: 255)) was not resolved within "
                + "\(limit.secondsText) s",
            next: "check that this machine reaches the name servers in /etc/resolv.conf")
    }

    /// No address connected: the answer that says most decides.
    static func notConnected(
        _ attempts: [TCPConnector.Attempt], port: UInt16, _ options: ProbeOptions
    ) -> Diagnosis {
        func first(_ matches: (TCPConnector.Outcome) -> Bool) -> TCPConnector.Attempt? {
            attempts.first { matches($0.outcome) }
        }
        func endpoint(_ attempt: TCPConnector.Attempt) -> Endpoint { Endpoint(ip: attempt.ip, port: port) }
        if let attempt = first({ $0 == .refused }) {
            return Diagnosis(
                .connectRefused,
                means: "\(endpoint(attempt)) refuses connections: the machine is there, and nothing listens "
                    + "on port \(port) (or a firewall rejects)",
                next: "start the gate and compare its listener's address and port: `dropgate serve --check`; "
                    + "`ss -ltn` on the machine shows what listens")
        }
        if let attempt = first({ $0 == .timeout }) {
            return Diagnosis(
                .connectTimeout,
                means: "\(endpoint(attempt)) does not answer within \(options.timeout.secondsText) s: a "
                    + "firewall on the way drops the packets, or the address is wrong",
                next: "let TCP \(port) through every firewall and NAT on the way from VSee's addresses; "
                    + "`tcpdump -ni any tcp port \(port)` on the gate's machine shows whether packets arrive")
        }
        if case .noSource(let code)? = first({ if case .noSource = $0 { true } else { false } })?.outcome {
            return Diagnosis(
                .sourceUnavailable,
                means: "cannot call from \(options.source.map { "\($0)" } ?? "--source"): "
                    + SystemError(code).description,
                next: "name an address that this machine has: `ip addr` lists them")
        }
        if let attempt = first({ if case .unreachable = $0 { true } else { false } }) {
            return Diagnosis(
                .unreachable, means: "\(endpoint(attempt)) is \(attempt.outcome.words) from this machine",
                next: "check the routes of this machine (`ip route get \(attempt.ip)`) and its own firewall")
        }
        if attempts.allSatisfy({ $0.outcome == .otherFamily }), !attempts.isEmpty {
            return Diagnosis(
                .sourceUnavailable,
                means: "the host has no address of the family of --source "
                    + (options.source.map { "\($0)" } ?? ""),
                next: "name a source of the same family, IPv4 or IPv6, as the host's addresses")
        }
        let words = attempts.first?.outcome.words ?? "no address"
        return Diagnosis(
            .connectFailed, means: "the connection failed: \(words)",
            next: "look for the cause on this machine: limits of open files, its firewall")
    }

    static func someAddressesFail(_ broken: [TCPConnector.Attempt], host: String, port: UInt16) -> Diagnosis {
        let list = broken.map { "\(Endpoint(ip: $0.ip, port: port)) \($0.outcome.words)" }
        return Diagnosis(
            .addressFailed, .warning,
            means: "\(UntrustedText.head(host, limit: 255)) has addresses that do not work: "
                + list.joined(separator: ", ") + "; a caller that takes them first waits or fails",
            next: "make the gate listen there too, or take the address out of DNS")
    }

    /// The other side took the connection, and ended it before it had said anything.
    package static func closedAtOnce(to socket: ProbeSocket) -> Diagnosis {
        let from = socket.local.map { "\($0.ip)" } ?? "this machine"
        if socket.hasSentProxyHeader {
            return Diagnosis(
                .closedAfterProxyHeader,
                means: "\(socket.peer) closed the connection after the PROXY header, without a byte: the "
                    + "gate takes such headers only from its trusted_proxies, and the source that the header "
                    + "names must be listed",
                next: "have \(from) in the listener's trusted_proxies with `address: proxy-protocol`, and "
                    + "ask the gate why: `dropgate attempts --since 10m --verdict rejected`, "
                    + "`dropgate source explain IP`")
        }
        return Diagnosis(
            .closedAtOnce,
            means:
                "\(socket.peer) took the connection from \(from) and closed it at once, without a byte: so "
                + "does a gate to a source that is not on its list (`unlisted: close`), or one that wants a "
                + "PROXY header",
            next: "ask the gate which source it saw: `dropgate attempts --since 10m --verdict rejected`, "
                + "then `dropgate source explain \(from)` (or what a NAT makes of it); list it, or call from a listed address with --source; if it is listed, `dropgate doctor` on the gate says what is wrong"
        )
    }

    /// Nothing came in time.
    package static func noAnswer(_ what: String, _ limit: Duration) -> Diagnosis {
        Diagnosis(
            .noAnswer, means: "no answer \(what) within \(limit.secondsText) s",
            next: "look whether the program behind the port is alive and what its log says; a firewall that "
                + "takes connections itself also looks like this")
    }
}
