// The steps of a probe from a connected socket to an open SFTP session. The fetching of drops takes the same steps,
// so that both fail with the same words.
import Admission

package struct SSHSteps {
    package let recorder: ProbeRecorder

    private var limit: Duration { recorder.options.timeout }

    package init(_ recorder: ProbeRecorder) { self.recorder = recorder }

    /// Identification, key exchange and host key. Throws before anything secret is sent when a pin differs, when
    /// there are pins and none is of this host, and when a password would go to a server without a pin.
    package func session(
        _ socket: ProbeSocket, pins: HostKeyPins?, sendsPassword: Bool = false
    ) throws(Diagnosis) -> SSHSession {
        let greeting = try recorder.step("banner") { (notes: inout StepNotes) throws(Diagnosis) in
            try greet(socket, &notes)
        }
        let session = try recorder.step("kex") { (notes: inout StepNotes) throws(Diagnosis) in
            try exchange(socket, greeting, pins, &notes)
        }
        return try recorder.step("hostkey") { (notes: inout StepNotes) throws(Diagnosis) in
            guard let key = session.hostKey else {
                throw .broken("at the host key", session.lastError(), session, limit)
            }
            notes.fact("key", "\(key.type) \(key.fingerprint)")
            let answer = pins?.check(key) ?? .unknown
            guard let finding = Diagnosis.hostKey(answer, key, pins, sendsPassword: sendsPassword) else {
                notes.fact("pin", "the same")
                return session
            }
            if answer == .differs, let pins, let other = pinned(session, pins), let key = other.hostKey {
                notes.fact("pin", "the same as another of its keys: \(key.type) \(key.fingerprint)")
                return other
            }
            if finding.severity == .critical { throw finding }
            notes.find(finding)
            return session
        }
    }

    /// A pin that does not say its type may be of another of the server's keys: a new connection for each type
    /// that both sides know.
    private func pinned(_ session: SSHSession, _ pins: HostKeyPins) -> SSHSession? {
        guard pins.types.isEmpty else { return nil }
        for type in session.otherHostKeyTypes {
            guard let socket = ProbeConnection.again(session.socket, recorder.options),
                let greeting = try? SSHGreeting.exchange(socket, until: Deadline(in: limit)),
                let other = try? SSHSession(socket, greeting, only: type)
            else { continue }
            other.deadline = Deadline(in: limit)
            guard (try? other.exchangeKeys()) != nil, let key = other.hostKey, pins.check(key) == .pinned
            else {
                continue
            }
            return other
        }
        return nil
    }

    private func greet(_ socket: ProbeSocket, _ notes: inout StepNotes) throws(Diagnosis) -> SSHGreeting {
        do throws(SSHGreeting.Failure) {
            let greeting = try SSHGreeting.exchange(socket, until: Deadline(in: limit))
            notes.fact("server", greeting.line)
            return greeting
        } catch {
            switch error {
            case .closedAtOnce: throw .closedAtOnce(to: socket)
            case .notSSH(let said): throw .notSSH(said, socket.peer)
            case .timeout: throw .noAnswer("after the connection: no SSH identification came", limit)
            }
        }
    }

    private func exchange(
        _ socket: ProbeSocket, _ greeting: SSHGreeting, _ pins: HostKeyPins?, _ notes: inout StepNotes
    ) throws(Diagnosis) -> SSHSession {
        let session: SSHSession
        do throws(SSHError) {
            session = try SSHSession(socket, greeting, preferred: pins?.types ?? [])
        } catch {
            throw Diagnosis(
                .sshFailed, means: "libssh2 could not begin: \(error)", next: "look at this machine's memory")
        }
        session.deadline = Deadline(in: limit)
        do throws(SSHError) { try session.exchangeKeys() } catch {
            throw .keyExchange(error, session, limit)
        }
        for fact in session.agreed { notes.fact(fact.name, fact.value) }
        return session
    }

    /// Asks which methods are offered; the answer is nil when the server lets everybody in.
    package func methods(_ session: SSHSession, user: String) throws(Diagnosis) -> [String]? {
        try recorder.step("methods") { (notes: inout StepNotes) throws(Diagnosis) in
            session.deadline = Deadline(in: limit)
            do throws(SSHError) {
                let methods = try session.methods(for: user)
                notes.fact("offered", methods.isEmpty ? "(none needed)" : methods.joined(separator: ", "))
                return methods.isEmpty ? nil : methods
            } catch { throw .broken("when asked for its login methods", error, session, limit) }
        }
    }

    package func logIn(
        _ session: SSHSession, user: String, _ credential: SSHCredential, offered: [String]
    ) throws(Diagnosis) {
        try recorder.step("login") { (notes: inout StepNotes) throws(Diagnosis) in
            notes.fact("user", UntrustedText.head(user))
            let method =
                switch credential {
                case .key, .agent: "publickey"
                case .password: "password"
                }
            notes.fact("method", method)
            guard offered.contains(method) else { throw .notOffered(method, offered, user: user) }
            session.deadline = Deadline(in: limit)
            do throws(SSHError) { try session.logIn(user, credential) } catch {
                throw .login(error, user: user, credential, session, limit)
            }
        }
    }

    package func openSFTP(_ session: SSHSession) throws(Diagnosis) -> SFTPClient {
        try recorder.step("sftp") { (_: inout StepNotes) throws(Diagnosis) in
            session.deadline = Deadline(in: limit)
            do throws(SFTPError) { return try SFTPClient(session) } catch {
                throw .sftp(.sftpRefused, "the SFTP subsystem", error, errors: "", session, limit)
            }
        }
    }
}
