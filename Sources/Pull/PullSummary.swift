// What a round of fetching came to, for people and for programs.
import Admission
package import JSON

/// What a round came to.
package struct PullSummary: Sendable {
    /// A drop that did not come.
    package struct Failure: Sendable {
        package let drop: String
        package let why: String
        /// It has no place here, because something is wrong with its directories: once that is mended, a later pull brings it.
        package let mayComeLater: Bool
    }

    package var pulled = 0
    package var bytes: Int64 = 0
    /// Taken over by an earlier round that was cut off before it could acknowledge them, or release them.
    package var known = 0
    /// Drops that a consumer of the other gate took or acknowledged before they could be fetched.
    package var taken: [String] = []
    /// Drops that their sender took back, or that somebody else got there, after they were fetched: they are in quarantine here.
    package var withdrawn: [String] = []
    /// Drops that this gate had from somebody else: that gate's copies are left to its own consumers.
    package var own: [String] = []
    /// Not looked at: a round has an end, whatever the other gate lists.
    package var left = 0
    package private(set) var failures: [Failure] = []

    /// Whether somebody should read about it. A drop that was taken without an acknowledgement is listed there until its receipt goes, one
    /// of this gate's own until its consumer there has it, and both would be told in every round.
    package var isWorthALine: Bool { pulled > 0 || known > 0 || !withdrawn.isEmpty || !failures.isEmpty }

    /// Whether something failed, and all that did may come later.
    package var mayAllComeLater: Bool { !failures.isEmpty && failures.allSatisfy(\.mayComeLater) }

    /// Whether some drop has no place here.
    var hasUnplaced: Bool { failures.contains(where: \.mayComeLater) }

    mutating func fail(_ drop: String, _ why: String, mayComeLater: Bool = false) {
        failures.append(Failure(drop: drop, why: why, mayComeLater: mayComeLater))
    }

    /// What a part of the round came to.
    mutating func add(_ part: PullSummary) {
        pulled += part.pulled
        bytes += part.bytes
        known += part.known
        taken += part.taken
        withdrawn += part.withdrawn
        own += part.own
        failures += part.failures
    }

    package var text: String {
        var text = "pulled \(Counted.text(pulled, "drop", "drops")), \(Counted.bytes(bytes))"
        if known > 0 { text += "; \(known) were here already" }
        if !taken.isEmpty { text += "; \(taken.count) taken there first" }
        if !withdrawn.isEmpty { text += "; \(withdrawn.count) gone there meanwhile, now in quarantine here" }
        if !own.isEmpty { text += "; \(own.count) left there: this gate has them from elsewhere" }
        if !failures.isEmpty { text += "; \(failures.count) failed" }
        if left > 0 { text += "; \(left) more \(left == 1 ? "waits" : "wait") for the next pull" }
        return text
    }

    package func json(from origin: PullOrigin) -> JSONValue {
        .object([
            "from": .string("\(origin)"), "pulled": .int(Int64(pulled)), "bytes": .int(bytes),
            "known": .int(Int64(known)), "left": .int(Int64(left)),
            "taken": .array(taken.map(JSONValue.string)),
            "withdrawn": .array(withdrawn.map(JSONValue.string)),
            "own": .array(own.map(JSONValue.string)),
            "failed": .array(
                failures.map { .object(["drop": .string($0.drop), "why": .string($0.why)]) }),
        ])
    }
}
