// What a check of the gate found: one line, and what to do where it is not well. Values only.
package import JSON

package struct Finding: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable { case ok, warn, fail }

    /// The part of the gate: `configuration`, `listeners`, `filesystem`, …
    package var area: String
    package var state: State
    package var text: String
    /// What to do; nil where all is well.
    package var fix: String?
    /// The gate must not run like this.
    package var isFatal = false
    /// A start ends with it, and may go well later without anybody's help: it is tried again.
    package var mayPass = false

    /// The fix of what says by itself how it is mended.
    package static let mend = "mend it, then: dropgate serve --check"

    package init(_ area: String, _ state: State, _ text: String, fix: String? = nil) {
        self.area = area
        self.state = state
        self.text = text
        self.fix = fix
    }

    package static func fatal(_ area: String, _ text: String, fix: String) -> Finding {
        var finding = Finding(area, .fail, text, fix: fix)
        finding.isFatal = true
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
