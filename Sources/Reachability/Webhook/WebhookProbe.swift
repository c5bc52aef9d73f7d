// `probe webhook`: what VSee's caller does, step by step: resolve, connect, TLS, one POST, the answer.
// It sends no credentials to a server whose certificate it does not trust, unless told to.
import Admission
import Foundation
import JSON
package import Settings
import TLS

package struct WebhookProbe: Sendable {
    /// What is asked of the gate.
    package enum Request: Sendable {
        case event(SyntheticEvent)
        /// GET /reachability on the same host.
        case reachability
    }

    package struct Field: Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var url: ProbeURL
    package var request: Request
    package var userAgent: String
    package var fields: [Field] = []
    package var basic: (user: String, password: Secret)?
    /// The last part of the path.
    package var pathSecret: Secret?
    /// A PEM file that is trusted beside the system's authorities.
    package var authorities: String?
    /// Faults of the chain are warnings.
    package var isInsecure = false

    package init(url: ProbeURL, request: Request, userAgent: String) {
        self.url = url
        self.request = request
        self.userAgent = userAgent
    }

    /// Whether a file holds authorities that can be trusted.
    package static func canTrust(_ file: String) -> Bool { ServerVerification.canTrust(file) }

    private var place: ProbeURL {
        if case .reachability = request { url.at(path: "/reachability") } else { url }
    }

    package func run(_ options: ProbeOptions, notify: @escaping @Sendable (ProbeEvent) -> Void) async
        -> ProbeReport
    {
        // A query may hold what its owner keeps secret.
        let shown = place.at(path: String(place.path.prefix { $0 != "?" })).description
        let target = pathSecret == nil ? shown : shown + "/(secret)"
        return await ProbeRecorder.run(kind: "webhook", target: target, options: options, notify: notify) {
            recorder throws(Diagnosis) in
            try talk(recorder)
        }
    }

    private func talk(_ recorder: ProbeRecorder) throws(Diagnosis) {
        let socket = try ProbeConnection.open(host: place.host, port: place.port, recorder)
        var stream = ProbeStream.plain(socket)
        if place.isTLS {
            let (session, isTrusted) = try recorder.step("tls") {
                (notes: inout StepNotes) throws(Diagnosis) in
                try secure(socket, recorder.options, &notes)
            }
            guard isTrusted else {
                recorder.skip("request", "a caller that checks certificates stops here; --insecure goes on")
                return
            }
            stream = .tls(session, socket)
        }
        let timeout = recorder.options.timeout
        try recorder.step("request") { (notes: inout StepNotes) throws(Diagnosis) in
            if let finding = secretInClear {
                guard isInsecure else { throw finding }
                notes.find(finding)
            }
            let (head, body) = message()
            notes.fact("method", method)
            notes.fact("bytes", "\(body.count)")
            try stream.write(head + body, timeout)
        }
        let answer = try recorder.step("answer") { (notes: inout StepNotes) throws(Diagnosis) in
            let answer = try read(stream, socket, recorder.options)
            try judge(answer, recorder, &notes)
            return answer
        }
        summarise(answer, recorder)
    }

    /// Plain HTTP to a port with TLS often ends without a word: then ask whether it is one.
    private func read(_ stream: ProbeStream, _ socket: ProbeSocket, _ options: ProbeOptions)
        throws(Diagnosis) -> HTTPAnswer
    {
        do throws(Diagnosis) {
            return try stream.answer(options.timeout, scrubber)
        } catch {
            let isSilent = error.code == .closedAtOnce || error.code == .closedAfterProxyHeader
            guard !place.isTLS, isSilent, let second = ProbeConnection.again(socket, options),
                TLSSession.isSpoken(over: second, host: place.host, until: Deadline(in: options.timeout))
            else { throw error }
            throw .plainOnTLS("a second connection got an answer to a TLS handshake")
        }
    }

    private func secure(_ socket: ProbeSocket, _ options: ProbeOptions, _ notes: inout StepNotes)
        throws(Diagnosis) -> (TLSSession, Bool)
    {
        guard let session = TLSSession(over: socket, host: place.host) else {
            throw Diagnosis(
                .tlsFailed, means: "OpenSSL cannot start a session for \(place.host)",
                next:
                    "compare the host's name with the server's certificate, and look at this machine's openssl.cnf"
            )
        }
        do throws(TLSSession.Failure) {
            try session.handshake(until: Deadline(in: options.timeout))
        } catch {
            throw .tls(error, socket, options.timeout)
        }
        notes.fact("version", session.version)
        notes.fact("cipher", session.cipher)
        notes.fact("group", session.group ?? "none")
        let chain = CertificateChain(session.chain, host: place.host, authorities: authorities)
        for (index, certificate) in chain.certificates.enumerated() {
            notes.fact(
                "certificate \(index)",
                "\(certificate.subject), issued by \(certificate.issuer), until \(certificate.notAfter)")
        }
        if let names = chain.certificates.first?.names, !names.isEmpty { notes.fact("names", names) }
        let findings = Diagnosis.faults(
            of: chain, host: place.host, now: .now(), severity: isInsecure ? .warning : .critical)
        for finding in findings { notes.find(finding) }
        return (session, !findings.contains { $0.severity == .critical })
    }

    private var method: String { if case .reachability = request { "GET" } else { "POST" } }

    /// The request's header and body.
    private func message() -> ([UInt8], [UInt8]) {
        var path = Array(place.path.utf8)
        if let pathSecret {
            let query = path.firstIndex(of: UInt8(ascii: "?")) ?? path.endIndex
            path.insert(contentsOf: [UInt8(ascii: "/")] + pathSecret.bytes, at: query)
        }
        var body: [UInt8] = []
        if case .event(let event) = request { body = event.body(now: .now()) }
        var head = Array("\(method) ".utf8) + path + Array(" HTTP/1.1\r\n".utf8)
        func add(_ name: String, _ value: [UInt8]) {
            head += Array("\(name): ".utf8) + value + [0x0D, 0x0A]
        }
        add("Host", Array(place.authority.utf8))
        add("User-Agent", Array(userAgent.utf8))
        add("Accept", Array("application/json".utf8))
        add("Connection", Array("close".utf8))
        if let basic {
            add("Authorization", Array("Basic \(Self.encoded(basic))".utf8))
        }
        for field in fields { add(field.name, Array(field.value.utf8)) }
        if method == "POST" {
            add("Content-Type", Array("application/json".utf8))
            add("Content-Length", Array("\(body.count)".utf8))
        }
        return (head + [0x0D, 0x0A], body)
    }

    private func judge(_ answer: HTTPAnswer, _ recorder: ProbeRecorder, _ notes: inout StepNotes)
        throws(Diagnosis)
    {
        let gate = GateAnswer(answer.body, scrubber)
        notes.fact("status", "\(answer.status)")
        if let server = answer["server"] { notes.fact("server", UntrustedText.head(server, limit: 60)) }
        if let gate {
            for (name, value) in [
                ("reference", gate.reference), ("said", gate.error ?? gate.status), ("source", gate.source),
                ("verdict", gate.verdict), ("reason", gate.reason), ("seq", gate.seq.map(String.init)),
            ] {
                if let value { notes.fact(name, value) }
            }
            if !gate.entries.isEmpty { notes.fact("entries", gate.entries.joined(separator: ", ")) }
        } else if !answer.body.isEmpty {
            notes.fact("body", UntrustedText.head(String(decoding: answer.body, as: UTF8.self), limit: 120))
        }
        var members: [String: JSONValue] = ["status": .int(Int64(answer.status))]
        members["retry_after"] = answer["retry-after"].map { .string(UntrustedText.head($0)) }
        members["gate"] = gate?.shown
        members["is_dropgate"] = .bool(gate?.isDropgate ?? false)
        recorder.answer = .object(members)
        if let finding = Diagnosis.answer(answer, reference: gate?.reference) {
            throw finding
        }
        if let gate, gate.isDropgate, gate.verdict == Verdict.observed.rawValue {
            notes.find(.observed(gate.sourceAddress ?? "the source"))
        }
    }

    private func summarise(_ answer: HTTPAnswer, _ recorder: ProbeRecorder) {
        let gate = GateAnswer(answer.body, scrubber)
        guard let gate, gate.isDropgate else {
            recorder.summary = "\(answer.status), " + Self.another(gate, request)
            return
        }
        let entries = gate.entries.isEmpty ? "" : " by " + gate.entries.joined(separator: ", ")
        let reference = gate.reference.map { ", reference \($0)" } ?? ""
        recorder.summary =
            "the gate saw \(gate.source ?? "an unknown source"), \(gate.verdict ?? "")\(entries)\(reference)"
    }

    /// What another receiver has done with the request, as far as can be known.
    private static func another(_ answer: GateAnswer?, _ request: Request) -> String {
        if let answer, answer.status == "stored" || answer.status == "duplicate" {
            return "the gate took the request for an event and stored it"
                + (answer.reference.map { " as \($0)" } ?? "")
        }
        let text = "from a receiver that did not identify itself as Dropgate"
        if case .reachability = request { return text }
        return text + ": it has probably stored what was posted"
    }
}
