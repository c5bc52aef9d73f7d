// The SFTP probe: from the name to a marker that was uploaded, seen and removed again. It leaves nothing behind: the
// marker's name is provisional, so that a gate releases it to nobody even when the probe is cut off.
import Admission
import Foundation

package struct SFTPProbe: Sendable {
    package let target: SFTPTarget
    /// Whom to log in as; also whose methods are asked for.
    package let user: String
    package let credential: SSHCredential?
    package let pins: HostKeyPins?

    package init(target: SFTPTarget, user: String, credential: SSHCredential?, pins: HostKeyPins?) {
        self.target = target
        self.user = user
        self.credential = credential
        self.pins = pins
    }

    package func run(
        _ options: ProbeOptions, notify: @escaping @Sendable (ProbeEvent) -> Void = { _ in }
    ) async -> ProbeReport {
        await ProbeRecorder.run(kind: "sftp", target: "\(target)", options: options, notify: notify) {
            recorder throws(Diagnosis) in
            try run(recorder)
        }
    }

    private func run(_ recorder: ProbeRecorder) throws(Diagnosis) {
        let steps = SSHSteps(recorder)
        let socket = try ProbeConnection.open(host: target.host, port: target.port, recorder)
        let sendsPassword = if case .password = credential { true } else { false }
        let session = try steps.session(socket, pins: pins, sendsPassword: sendsPassword)
        let offered = try steps.methods(session, user: user)
        guard let credential else {
            recorder.skip("login", "no --key, --password-file or --agent was given")
            recorder.summary = "reachable, not logged in"
            return
        }
        if let offered { try steps.logIn(session, user: user, credential, offered: offered) }
        let client = try steps.openSFTP(session)
        try exchangeMarker(client, session, recorder)
        recorder.summary = "logged in as \(UntrustedText.head(user)); a marker was uploaded, seen and removed"
    }

    private func exchangeMarker(
        _ client: SFTPClient, _ session: SSHSession, _ recorder: ProbeRecorder
    ) throws(Diagnosis) {
        let limit = recorder.options.timeout
        let name = Self.markerName()
        let path = target.directory.isEmpty ? name : "\(target.directory)/\(name)"
        let content = Array("dropgate probe \(Instant.now())\n".utf8)

        func step(
            _ name: String, _ code: Diagnosis.Code, _ what: String,
            _ body: (inout StepNotes) throws(SFTPError) -> Void
        ) throws(Diagnosis) {
            try recorder.step(name) { (notes: inout StepNotes) throws(Diagnosis) in
                session.deadline = Deadline(in: limit)
                do throws(SFTPError) { try body(&notes) } catch {
                    throw .sftp(code, what, error, errors: client.errorText, session, limit)
                }
            }
        }

        do throws(Diagnosis) {
            try step("upload", .uploadRefused, "an upload") { (notes: inout StepNotes) throws(SFTPError) in
                notes.fact("marker", UntrustedText.head(path, limit: 255))
                let handle = try client.open(path, [.write, .create, .truncate])
                try client.write(handle, at: 0, content)
                try client.close(handle)
            }
            try recorder.step("verify") { (notes: inout StepNotes) throws(Diagnosis) in
                session.deadline = Deadline(in: limit)
                try verify(path, Int64(content.count), client, session, limit, &notes)
            }
        } catch {
            // Whatever was left of the marker goes; the first failure is the one to tell.
            session.deadline = Deadline(in: .seconds(2))
            try? client.remove(path)
            throw error
        }
        try step("remove", .uploadIncomplete, "the removal of the marker") {
            (_: inout StepNotes) throws(SFTPError) in
            try client.remove(path)
        }
    }

    private func verify(
        _ path: String, _ expected: Int64, _ client: SFTPClient, _ session: SSHSession, _ limit: Duration,
        _ notes: inout StepNotes
    ) throws(Diagnosis) {
        let size: Int64?
        do throws(SFTPError) { size = try client.size(of: path) } catch {
            throw .sftp(
                .uploadIncomplete, "a look at the uploaded marker", error, errors: client.errorText, session,
                limit)
        }
        notes.fact("bytes", size.map { "\($0)" } ?? "unknown")
        guard size == expected else {
            throw Diagnosis(
                .uploadIncomplete,
                means:
                    "the marker has \(size.map { "\($0)" } ?? "an unknown number of") bytes on the server, "
                    + "sent were \(expected)",
                next: "look at the server's disk and its log")
        }
    }

    /// Gates know a probe by this form; `.part` keeps it from being released.
    private static func markerName() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return ProbeMark.filePrefix + String(repeating: "0", count: 16 - digits.count) + digits + ".part"
    }
}
