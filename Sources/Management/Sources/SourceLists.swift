// The lists by which a question is answered, and what must be said of them: history is answered by history, and files that
// are not in force are never passed off as what decides.
package import Admission
package import JSON

package struct SourceLists: Sendable {
    /// Lists that can decide, or why they are not known.
    package var policy: Result<Policy, PolicyUnknown>
    /// Their version, also where its lists are not known; nil where not even that is.
    package var version: String?
    /// They were in force once; else they are the files as they are.
    package let isHistory: Bool
    /// By which entry they came into force; nil for the files as they are, and where no entry says so.
    package var standing: PolicyHistory.Standing?
    /// Good lists that are not in force: whom they refuse is refused all the same.
    package var narrowing: Policy?
    /// What is wrong with the files: they are not in force. Empty when they are good.
    package var problems: [String] = []
    /// What else there is to say, a sentence each.
    package var notes: [String] = []

    /// The lists in the files.
    init(files policy: Policy) {
        self.policy = .success(policy)
        version = policy.version
        isHistory = false
    }

    /// Those that were in force at a moment that is over; nil: no entry says which.
    init(_ standing: PolicyHistory.Standing?, at moment: Instant) {
        self.standing = standing
        version = standing?.version
        isHistory = true
        guard let standing else {
            policy = .failure(
                PolicyUnknown(
                    description:
                        "the ledger has no start of the gate at or before that time, nor a change of its lists"
                ))
            return
        }
        policy = standing.policy
        if let stopped = standing.stopped {
            notes.append(
                "the gate had stopped at \(stopped), so nobody was let in then; these lists were in force before"
            )
        } else if let silence = standing.silence {
            notes.append(
                "the gate ended without a stop after \(silence.lowerBound) and started at \(silence.upperBound): "
                    + "whether it ran then is not known")
        }
    }

    /// "in force since the change at … (entry 12)"; nil for the files as they are.
    package var origin: String? {
        standing.map {
            "in force since the \($0.isStart ? "gate's start" : "change") at \($0.since) (entry \($0.seq))"
        }
    }

    /// All entries, and where they are from. Throws where the lists are not known.
    package func listing(at now: Instant) throws -> JSONValue {
        let policy = try policy.get()
        return [
            "policy": .string(policy.version), "entries": .array(policy.entries.map { $0.json(at: now) }),
            "lists": json,
        ]
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "from": .string(isHistory ? "history" : "files"), "files_good": .bool(problems.isEmpty),
        ]
        members["policy"] = version.map(JSONValue.string)
        if case .failure(let unknown) = policy { members["unknown"] = .string(unknown.description) }
        if let standing {
            members["entry"] = .int(standing.seq)
            members["since"] = .string(standing.since.description)
            members["stopped"] = standing.stopped.map { .string($0.description) }
        }
        if !problems.isEmpty { members["problems"] = .array(problems.map(JSONValue.string)) }
        if !notes.isEmpty { members["notes"] = .array(notes.map(JSONValue.string)) }
        return .object(members)
    }
}
