// Why an event of an unlisted source was not held in quarantine, as its entry says it. Pure.
import JSON
package import Ledger

/// A fixed word for programs, and a sentence for people.
package enum NotHeld: String, Sendable, CaseIterable {
    // What came.
    case noSource = "no_source"
    case notAnEvent = "not_an_event"
    case malformed
    case tooLarge = "too_large"
    case notWhole = "not_whole"
    case noLongerListed = "no_longer_listed"
    case notVSeesForm = "not_vsee_form"
    case probe
    // What it showed.
    case noSecretConfigured = "no_secret_configured"
    case wrongSecret = "wrong_secret"
    case wrongSignature = "wrong_signature"
    case expiredSignature = "expired_signature"
    // Where it was to go.
    case alreadyHeld = "already_held"
    case tooManyEvents = "too_many_events"
    case tooManyBytes = "too_many_bytes"
    case sourceShare = "source_share"
    case noSpace = "no_space"
    case failed

    package var sentence: String {
        switch self {
        case .noSource: "not held: its source could not be determined"
        case .notAnEvent: "not held: not a POST with a body"
        case .malformed: "not held: the request is malformed"
        case .tooLarge: "not held: the body is larger than what is read from an unlisted source"
        case .notWhole: "not held: its body was not received whole"
        case .noLongerListed:
            "not held: its source was removed from the lists, or its entry expired, while the body came"
        case .notVSeesForm: "not held: the body is not in VSee's format"
        case .probe: "not held: the gate's own probe"
        case .noSecretConfigured:
            "not held: the gate has no secret to tell VSee's events from others (webhook.secret_file, header, basic or "
                + "standard_webhooks)"
        case .wrongSecret: "not held: the secret is missing or wrong"
        case .wrongSignature: "not held: the signature is missing or wrong"
        case .expiredSignature: "not held: the signature was made too long ago, or one of the clocks is wrong"
        case .alreadyHeld: "not held again: the same event is held already"
        case .tooManyEvents: "not held: the limit of held events is reached (webhook.quarantine.events)"
        case .tooManyBytes:
            "not held: the limit of bytes of held events is reached (webhook.quarantine.bytes)"
        case .sourceShare:
            "not held: this source has used up its share of what may be held (a quarter of webhook.quarantine.events, or of .bytes)"
        case .noSpace: "not held: the gate's disk is full"
        case .failed: "not held: it could not be written to quarantine; the gate's log says why"
        }
    }
}

extension Attempt {
    /// The member of `detail` that has the word.
    package static let notHeldMember = "not_held"

    /// Says why it was not held: for the first reason, if there are several.
    package mutating func tell(_ reason: NotHeld) {
        guard detail[Self.notHeldMember] == nil else { return }
        detail[Self.notHeldMember] = .string(reason.rawValue)
        detail["message"] = detail["message"] ?? .string(reason.sentence)
    }
}
