// What a webhook body says it is: VSee's v1 or v2 envelope, or unrecognised.
// It only labels and indexes; it never rejects, changes or loses a body.
import Admission

/// The label of one event, for the ledger and the duplicate key.
struct Envelope: Sendable, Equatable {
    enum Form: String, Sendable { case v1, v2, unrecognised }

    var form: Form
    /// VSee's event id as text that is safe to index, if there is one.
    var eventID: String?
    /// VSee's event type, likewise. Present for unknown types, too.
    var eventType: String?
    /// A `dropgate probe webhook` made it: VSee's form in every respect, under a code that no clinic has.
    var isProbe = false
    /// Whether the body begins as JSON: the name of its file says so.
    var looksLikeJSON = false

    static let unrecognised = Envelope(form: .unrecognised, eventID: nil, eventType: nil)

    /// The event types of VSee's developer wiki. The only list of them.
    static let knownTypes: Set<String> = [
        "user.created", "visit.created", "visit.updated", "visit.ended", "visit.note.signed_and_sent",
        "visit.invoice.processed",
    ]

    /// Labels a body of any bytes. Time is linear in its length.
    static func read(_ body: [UInt8]) -> Envelope {
        var scanner = EnvelopeScanner(body)
        let members = scanner.scan()
        var envelope = Envelope(
            form: .unrecognised, eventID: members.id.text, eventType: members.type.text)
        envelope.looksLikeJSON = members.looksLikeJSON
        guard members.isWhole, envelope.eventID != nil, let type = envelope.eventType,
            knownTypes.contains(type)
        else { return envelope }
        switch members.version.text {
        case "1.0" where members.accountCode != .absent:
            envelope.form = .v1
            envelope.isProbe = members.accountCode.text == ProbeMark.code
        case "2.0" where members.clinicCode != .absent:
            envelope.form = .v2
            envelope.isProbe = members.clinicCode.text == ProbeMark.code
        default: break
        }
        return envelope
    }
}
