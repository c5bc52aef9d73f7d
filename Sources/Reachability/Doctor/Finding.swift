// What a check of the gate found: one line, and what to do where it is not well. Values only.
package import JSON

package struct Finding: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable { case ok, warn, fail }

    /// What becomes of a start.
    package enum Start: Sendable {
        /// The gate starts all the same.
        case goesOn
        /// It ends, and may go well later without anybody's help: it is tried again.
        case isPutOff
        /// The gate must not run like this: it starts once somebody has mended it.
        case isRefused
    }

    /// The part of the gate: `configuration`, `listeners`, `filesystem`, …
    package var area: String
    package var state: State
    package var text: String
    /// What to do; nil where all is well.
    package var fix: String?
    package var start = Start.goesOn
    /// The file or directory whose state it tells, absolute; nil where it is about no single one.
    package var place: String?
    /// The place from whose state it follows: what is said of that place has the better advice.
    package var cause: String?

    /// The fix of what says by itself how it is mended.
    package static let mend = "fix it, then run: dropgate serve --check"

    package init(_ area: String, _ state: State, _ text: String, fix: String? = nil) {
        self.area = area
        self.state = state
        self.text = text
        self.fix = fix
    }

    /// With this no gate starts.
    package static func fatal(
        _ area: String, _ text: String, fix: String, cause: String? = nil
    ) -> Finding {
        var finding = Finding(area, .fail, text, fix: fix)
        finding.start = .isRefused
        finding.cause = cause
        return finding
    }

    /// On one line, for who starts a gate, or checks whether it would start.
    package var line: String {
        guard let fix, fix != Self.mend else { return text }
        return "\(text); \(fix)"
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "area": .string(area), "state": .string(state.rawValue), "text": .string(text),
        ]
        members["fix"] = fix.map(JSONValue.string)
        return .object(members)
    }
}
