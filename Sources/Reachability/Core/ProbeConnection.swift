// The steps that every probe begins with: resolve the name, connect to its addresses, send a PROXY header if asked.
import Admission
import Files
import Foundation

package enum ProbeConnection {
    /// Returns a connected socket, or throws what keeps it from being one. `port` is what the protocol uses.
    package static func open(host: String, port: UInt16, _ recorder: ProbeRecorder) throws(Diagnosis)
        -> ProbeSocket
    {
        let options = recorder.options
        let addresses = try recorder.step("resolve") { (notes: inout StepNotes) throws(Diagnosis) in
            try resolve(host, options, &notes)
        }
        let socket = try recorder.step("connect") { (notes: inout StepNotes) throws(Diagnosis) in
            try connect(addresses, host: host, port: port, options, &notes)
        }
        if let version = options.proxyProtocol {
            try recorder.step("proxy") { (notes: inout StepNotes) throws(Diagnosis) in
                try sendHeader(version, socket, options, &notes)
            }
        }
        return socket
    }

    private static func resolve(_ host: String, _ options: ProbeOptions, _ notes: inout StepNotes)
        throws(Diagnosis) -> [IPAddress]
    {
        switch Resolver.resolve(host, until: Deadline(in: options.timeout)) {
        case .addresses(let addresses):
            for address in addresses { notes.fact("address", address.description) }
            return addresses
        case .failed(let code, let words): throw .nameUnresolved(host, code: code, words)
        case .timeout: throw .resolverTimeout(host, options.timeout)
        }
    }

    private static func connect(
        _ addresses: [IPAddress], host: String, port: UInt16, _ options: ProbeOptions,
        _ notes: inout StepNotes
    ) throws(Diagnosis) -> ProbeSocket {
        let connector = TCPConnector(port: port, source: options.source, announce: options.announce)
        let result = connector.connect(addresses, until: Deadline(in: options.timeout))
        for attempt in result.attempts {
            let endpoint = Endpoint(ip: attempt.ip, port: port)
            notes.fact("to", "\(endpoint) \(attempt.outcome.words) \(attempt.duration.secondsText) s")
        }
        guard let socket = result.socket else {
            throw .notConnected(result.attempts, port: port, options)
        }
        if let local = socket.local { notes.fact("from", local.ip.description) }
        // A machine without IPv6 says nothing about the other side; a refusal or silence does.
        let broken = result.attempts.filter {
            $0.outcome == .refused || $0.outcome == .timeout || $0.outcome == .late
        }
        if !broken.isEmpty { notes.find(.someAddressesFail(broken, host: host, port: port)) }
        return socket
    }

    private static func sendHeader(
        _ version: ProxyProtocolVersion, _ socket: ProbeSocket, _ options: ProbeOptions,
        _ notes: inout StepNotes
    ) throws(Diagnosis) {
        let source = proxiedSource(socket, options)
        let header = ProxyHeaderWriter.bytes(version, source: source, destination: socket.peer)
        notes.fact("version", version.rawValue)
        notes.fact("as", source.description)
        switch socket.write(header, until: Deadline(in: options.timeout)) {
        case .sent: socket.hasSentProxyHeader = true
        case .timeout: throw .noAnswer("to the PROXY header", options.timeout)
        case .failed: throw .closedAtOnce(to: socket)
        }
    }
}

extension ProbeConnection {
    private static func proxiedSource(_ socket: ProbeSocket, _ options: ProbeOptions) -> Endpoint {
        let own = socket.local ?? Endpoint(ip: socket.peer.ip, port: 0)
        return Endpoint(ip: options.proxiedSource ?? own.ip, port: own.port)
    }

    /// A second connection like the one that `socket` was, to find out more; nil when there is none.
    static func again(_ socket: ProbeSocket, _ options: ProbeOptions) -> ProbeSocket? {
        let deadline = Deadline(in: options.timeout)
        let connector = TCPConnector(
            port: socket.peer.port ?? 0, source: options.source, announce: options.announce)
        guard let second = connector.connect([socket.peer.ip], until: deadline).socket else { return nil }
        guard let version = options.proxyProtocol else { return second }
        let header = ProxyHeaderWriter.bytes(
            version, source: proxiedSource(second, options), destination: second.peer)
        return second.write(header, until: deadline) == .sent ? second : nil
    }
}

extension TCPConnector.Outcome {
    /// For people.
    var words: String {
        switch self {
        case .connected: "connected"
        case .refused: "refused"
        case .timeout: "no answer"
        case .unreachable(let code): "unreachable (\(SystemError(code)))"
        case .failed(let code): "failed (\(SystemError(code)))"
        case .otherFamily: "not tried (another family than --source)"
        case .noSource(let code): "cannot call from --source (\(SystemError(code)))"
        case .late: "no answer while another address had connected"
        }
    }
}
