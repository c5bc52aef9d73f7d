// The authority of a running gate, as a command has it: asked over the control socket.
package import Admission
import Blocking
package import Intake
package import JSON
import LocalSocket

package struct ControlClient: GateAuthority {
    private let path: String
    private static let calls = BlockingExecutor(label: "dropgate.control", width: 8)

    /// What a gate may take: to say that it is there, and for an answer. Taking a large drop over reads all of it.
    private static let patience = Duration.seconds(5)
    private static let answerTimeout = Duration.seconds(3600)

    package init(path: String) { self.path = path }

    /// Whether a gate answers here, of whatever version it is; false only where nobody listens. Throws where that cannot be
    /// told.
    func isThere() async throws(ManagementError) -> Bool {
        do {
            _ = try await call(ControlQuestion(.hello), answerTimeout: Self.patience)
            return true
        } catch let error as ManagementError {
            if error.cause is OtherVersion { return true }
            guard (error.cause as? LocalSocketError)?.isNobodyThere == true else { throw error }
            return false
        } catch {
            throw ManagementError(.internalError, "\(error)", cause: error)
        }
    }

    /// How the running gate is.
    package func state() async throws -> GateState {
        guard case .state(let state) = try await ask(.state) else { throw Self.strange }
        return state
    }

    package func recordAccess(
        _ detail: [String: JSONValue], by attribution: Attribution
    ) async throws -> Int64 {
        guard case .recorded(let seq) = try await ask(.recordAccess(detail: detail), by: attribution) else {
            throw Self.strange
        }
        return seq
    }

    /// Tells the running gate from where this machine is about to connect to one of its listeners, so that this is recorded
    /// as a probe and counts as nobody's call. Without a gate that can be asked nothing happens: then the connection is
    /// recorded like any other. It blocks, some seconds at most.
    package func announce(_ endpoint: Endpoint) {
        guard let port = endpoint.port,
            let line = try? JSONLine.encode(
                ControlEnvelope(
                    ControlQuestion(.expectConnection(ip: "\(endpoint.ip)", port: port)))),
            let connection = try? LineConnection(
                path: path, longest: Control.longestLine, answerTimeout: Self.patience,
                sendTimeout: Self.patience)
        else { return }
        guard (try? connection.send(line)) != nil else { return }
        _ = try? connection.receive()
    }

    package func recordChange(_ change: ManagedChange, by attribution: Attribution) async throws -> Int64 {
        guard case .recorded(let seq) = try await ask(.recordChange(change), by: attribution) else {
            throw Self.strange
        }
        return seq
    }

    package func acknowledge(_ drop: String, by attribution: Attribution) async throws -> Bool {
        guard case .acknowledged(let isDone) = try await ask(.acknowledge(drop: drop), by: attribution) else {
            throw Self.strange
        }
        return isDone
    }

    package func releaseHeld(_ drop: String, by attribution: Attribution) async throws -> ReleasedEvent {
        guard case .released(let event) = try await ask(.releaseHeld(drop: drop), by: attribution) else {
            throw Self.strange
        }
        return event
    }

    package func withdraw(_ drop: String, by attribution: Attribution) async throws -> WithdrawnDrop? {
        guard case .withdrawn(let withdrawn) = try await ask(.withdraw(drop: drop), by: attribution) else {
            throw Self.strange
        }
        return withdrawn
    }

    package func standing(ofDrop drop: String) async throws -> DropStanding {
        guard case .standing(let standing) = try await ask(.standing(drop: drop)) else { throw Self.strange }
        return standing
    }

    package func discardFetched(_ drop: String) async throws {
        guard case .discarded = try await ask(.discardFetched(drop: drop)) else { throw Self.strange }
    }

    package func importDrop(
        _ drop: FetchedDrop, by attribution: Attribution
    ) async throws -> DropOutcome.Status {
        guard case .imported(let status) = try await ask(.importDrop(drop), by: attribution) else {
            throw Self.strange
        }
        return status
    }

    package func heldPulls(hostKey: String, origin: String) async throws -> [String] {
        guard case .heldPulls(let held) = try await ask(.heldPulls(hostKey: hostKey, origin: origin)) else {
            throw Self.strange
        }
        return held
    }

    package func releasePulled(_ drop: String) async throws -> DropStanding {
        guard case .standing(let standing) = try await ask(.releasePulled(drop: drop)) else {
            throw Self.strange
        }
        return standing
    }

    package func withdrawPulled(
        _ drop: String, there: String, by attribution: Attribution
    ) async throws -> Bool {
        let request = ControlRequest.withdrawPulled(drop: drop, there: there)
        guard case .pullWithdrawn(let isWithdrawn) = try await ask(request, by: attribution) else {
            throw Self.strange
        }
        return isWithdrawn
    }

    package func checkpoint(by attribution: Attribution) async throws -> String? {
        guard case .checkpoint(let note) = try await ask(.checkpoint, by: attribution) else {
            throw Self.strange
        }
        return note
    }

    package func rotateKey(by attribution: Attribution) async throws -> String {
        guard case .rotated(let key) = try await ask(.rotateKey, by: attribution) else { throw Self.strange }
        return key
    }

    /// The gate goes on without us.
    package func close() async {}

    /// Of a question that was not answered, and that may be asked again where the gate starts or ends.
    private static func unreached(_ error: LocalSocketError) -> ManagementError {
        let mayPass = error.isNobodyThere || error.hasHungUp || error.isCrowded
        return ManagementError(
            mayPass ? .unavailable : .internalError, "the running gate cannot be asked: \(error)",
            fix: mayPass
                ? "it is starting or stopping, or too many ask it at once: run this again in a moment" : nil,
            retryAfter: mayPass ? 5 : nil, cause: error)
    }

    private static let strange = ManagementError(
        .internalError, "the running gate's answer does not fit the question")

    /// - Parameter attribution: of a user of this machine. The gate learns from the kernel which one it is, and takes nobody's
    ///   word for another.
    private func ask(
        _ request: ControlRequest, by attribution: Attribution? = nil
    ) async throws -> ControlAnswer {
        var question = ControlQuestion(request)
        if let attribution {
            guard case .localUser(let user) = attribution.principal, user == .current else {
                throw ManagementError(.internalError, "a running gate acts only for the user who asks")
            }
            question.claim = user.claim
            question.comment = attribution.comment
        }
        let answer = try await call(question, answerTimeout: Self.answerTimeout)
        switch answer {
        case .refused(let reason, let message, let retryAfter):
            throw IntakeError(Reason(rawValue: reason) ?? .malformed, message, retryAfter: retryAfter)
        case .failed(let code, let message, let fix):
            throw ManagementError(code, "the running gate says: \(message)", fix: fix)
        default: return answer
        }
    }

    private static func answer(_ line: [UInt8]) throws(ManagementError) -> ControlAnswer {
        do {
            return try JSONLine.decode(ControlEnvelope<ControlAnswer>.self, from: line).message
        } catch {
            throw ManagementError(
                .internalError, "the running gate is a different version from this command",
                fix: "restart the gate, so that both are the same version", cause: OtherVersion())
        }
    }

    private func call(_ question: ControlQuestion, answerTimeout: Duration) async throws -> ControlAnswer {
        let path = path
        let line = try JSONLine.encode(ControlEnvelope(question))
        return try await Self.calls.run {
            let connection: LineConnection
            do throws(LocalSocketError) {
                connection = try LineConnection(
                    path: path, longest: Control.longestLine, answerTimeout: answerTimeout,
                    sendTimeout: Self.patience)
                try connection.send(line)
            } catch {
                throw Self.unreached(error)
            }
            let reply: [UInt8]
            do throws(LocalSocketError) { reply = try connection.receive() } catch {
                guard error.hasHungUp, !question.request.mayBeRepeated else { throw Self.unreached(error) }
                throw ManagementError(
                    .internalError,
                    "the running gate was asked, but it is not known whether it has done it: \(error)",
                    fix: "check with `dropgate attempts --limit 5` before you run this again", cause: error)
            }
            return try Self.answer(reply)
        }
    }
}

/// A gate answers, in another language.
struct OtherVersion: Error {}
