// How a forwarder stands, as the gate says it to those who ask: doctor, `/readyz`.
package import JSON

package struct ForwarderState: Sendable, Hashable, Codable {
    /// `syslog` or `file`.
    package var name: String
    package var target: String
    /// The last entry that is there for certain; -1 for none, nil while its position is not known.
    package var confirmed: Int64?
    /// Entries that are not there for certain; nil while its position is not known.
    package var waiting: Int64?
    /// Age of the oldest of them; 0 when none waits.
    package var waitingSeconds: Int64
    /// Whether nothing goes through now.
    package var isFailing: Bool
    /// What failed last since the gate's start, for people, bounded; and when.
    package var lastError: String?
    package var lastErrorTime: String?
    /// When something was confirmed last, or nothing waited, since the gate's start.
    package var lastSuccess: String?

    package init(
        name: String, target: String, confirmed: Int64?, waiting: Int64?, waitingSeconds: Int64,
        isFailing: Bool,
        lastError: String? = nil, lastErrorTime: String? = nil, lastSuccess: String? = nil
    ) {
        self.name = name
        self.target = target
        self.confirmed = confirmed
        self.waiting = waiting
        self.waitingSeconds = waitingSeconds
        self.isFailing = isFailing
        self.lastError = lastError
        self.lastErrorTime = lastErrorTime
        self.lastSuccess = lastSuccess
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "forwarder": .string(name), "target": .string(target), "waiting_seconds": .int(waitingSeconds),
            "failing": .bool(isFailing),
        ]
        members["confirmed_entry"] = confirmed.map(JSONValue.int)
        members["waiting_entries"] = waiting.map(JSONValue.int)
        members["last_error"] = lastError.map(JSONValue.string)
        members["last_error_time"] = lastErrorTime.map(JSONValue.string)
        members["last_success"] = lastSuccess.map(JSONValue.string)
        return .object(members)
    }
}
