// What is said on the control socket: one question and one answer a connection, each a JSON object on a line. Both ends use
// these types and nothing else.
import Admission
package import Audit
import Files
package import Intake
package import JSON
import Reachability
import TLS

package enum Control {
    /// The version of these messages. A gate answers no other one: it and the command are of two installations.
    package static let version = 8
    /// Bytes of a line.
    package static let longestLine = 64 << 10
}

/// What a command asks of the running gate.
package enum ControlRequest: Codable, Sendable, Hashable {
    /// Answered by `.here`.
    case hello
    /// How the gate is. Answered by `.state`.
    case state
    case recordAccess(detail: [String: JSONValue])
    /// This machine is about to connect to a listener from there. Answered by `.expected`.
    case expectConnection(ip: String, port: UInt16)
    case recordChange(ManagedChange)
    case acknowledge(drop: String)
    case releaseHeld(drop: String)
    case withdraw(drop: String)
    case standing(drop: String)
    case discardFetched(drop: String)
    case importDrop(FetchedDrop)
    case heldPulls(hostKey: String, origin: String)
    case releasePulled(drop: String)
    case withdrawPulled(drop: String, there: String)
    case checkpoint
    case rotateKey

    /// Whether it may be asked once more where nobody knows whether it was done: it changes nothing, or the same again.
    var mayBeRepeated: Bool {
        switch self {
        case .hello, .state, .recordAccess, .expectConnection, .acknowledge, .standing, .discardFetched,
            .importDrop, .heldPulls,
            .checkpoint:
            true
        case .recordChange, .releaseHeld, .withdraw, .releasePulled, .withdrawPulled, .rotateKey: false
        }
    }
}

package enum ControlAnswer: Codable, Sendable, Hashable {
    case here
    case state(GateState)
    case recorded(seq: Int64)
    case expected
    case acknowledged(Bool)
    case released(ReleasedEvent)
    /// nil: there is nothing to withdraw.
    case withdrawn(WithdrawnDrop?)
    case standing(DropStanding)
    case discarded
    case imported(DropOutcome.Status)
    case heldPulls([String])
    /// False: there was nothing to withdraw.
    case pullWithdrawn(Bool)
    /// nil: the ledger is empty.
    case checkpoint(note: String?)
    case rotated(key: String)
    /// The gate's inside refuses it (`IntakeError`).
    case refused(reason: String, message: String, retryAfter: Int?)
    /// It was not done (`ManagementError`, which is none of an `IntakeError`).
    case failed(ManagementError.Code, message: String, fix: String?)
}

/// A question with what the command says of who asks it. The gate believes the kernel, and writes this down as a claim.
package struct ControlQuestion: Codable, Sendable, Hashable {
    package var request: ControlRequest
    package var claim: SudoClaim?
    package var comment: String?

    package init(_ request: ControlRequest, claim: SudoClaim? = nil, comment: String? = nil) {
        self.request = request
        self.claim = claim
        self.comment = comment
    }
}

/// A message with the version of its language, which is looked at first.
package struct ControlEnvelope<Message: Codable & Sendable>: Codable, Sendable {
    package var version = Control.version
    package var message: Message

    package init(_ message: Message) { self.message = message }
}

/// Of an envelope alone.
struct ControlVersion: Codable {
    var version: Int
}

/// How a running gate is.
package struct GateState: Codable, Sendable, Hashable {
    /// What stands in its health, by name.
    package var problems: [String: String]
    /// The version of OpenSSL that it works with.
    package var openSSL: String
    /// Files of it that were replaced since the gate's start.
    package var replacedFiles: [String]
    /// The version of the source lists in force. nil: a gate that does not say it yet, here and below.
    package var policy: String?
    /// The problems with what to do about them.
    package var standing: [String: Health.Problem]?
    package var forwarders: [ForwarderState]?
    /// Whether its program's file is no longer the one that it was started from.
    package var isProgramReplaced: Bool?
    /// How many files it may have open.
    package var openFiles: Int?

    package init(problems: [String: String], openSSL: String, replacedFiles: [String]) {
        self.problems = problems
        self.openSSL = openSSL
        self.replacedFiles = replacedFiles
    }

    /// Of the gate in this process.
    package init(_ intake: Intake, forwarders: [ForwarderState] = []) {
        // First: it looks. A full disk is a problem before anybody calls, and none any more once there is room.
        _ = intake.accepts
        self.init(
            problems: intake.health.problems, openSSL: OpenSSLLibrary.version,
            replacedFiles: OpenSSLLibrary.replaced() ?? [])
        policy = intake.policy.version
        standing = intake.health.standing
        self.forwarders = forwarders
        isProgramReplaced = Self.isOwnProgramReplaced
        openFiles = FileAllowance.limits?.soft
    }

    /// The kernel says so of a file that was replaced by a rename or removed (proc_pid_exe(5)).
    private static var isOwnProgramReplaced: Bool? {
        (try? Paths.target(ofLink: "/proc/self/exe"))?.hasSuffix(" (deleted)")
    }
}
