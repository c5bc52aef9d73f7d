// Values as pages show them. Pure.
import Admission
import JSON
import Ledger
import Management
import Reachability

/// A moment: UTC in the text; a script shows the local time of whoever points at it.
struct Stamp: Sendable {
    let iso: String
    let text: String

    init(_ instant: Instant) {
        iso = instant.description
        text = String(iso.prefix(19)).replacing("T", with: " ")
    }

    /// A day, where it is midnight.
    init(day instant: Instant) {
        iso = instant.description
        text =
            iso.hasSuffix("T00:00:00.000000Z")
            ? String(iso.prefix(10)) : String(iso.prefix(16)).replacing("T", with: " ")
    }
}

/// Something to choose in a form.
struct Choice: Sendable {
    let value: String
    let label: String
    let isChosen: Bool

    init(_ value: String, label: String? = nil, isChosen: Bool) {
        self.value = value
        self.label = label ?? value
        self.isChosen = isChosen
    }

    static func all(_ parameter: Parameter, chosen: [String]) -> [Choice] {
        guard case .words(let words) = parameter.form else { return [] }
        return words.map { Choice($0, isChosen: chosen.contains($0)) }
    }
}

/// An entry of the ledger as a row.
struct AttemptRow: Sendable {
    let seq: Int64
    let time: Stamp
    let verdict: String
    let reason: String
    let channel: String
    let kind: String
    /// nil: nobody is named.
    let source: String?
    let what: String

    /// Throws for bytes that are not what this program writes.
    init(_ entry: StoredEntry) throws {
        let value = try entry.value()
        seq = entry.seq
        time = Stamp(entry.time)
        verdict = value["verdict"]?.string ?? ""
        reason = value["reason"]?.string ?? ""
        channel = value["channel"]?.string ?? ""
        kind = value["kind"]?.string ?? ""
        source = value["source"]?["ip"]?.string
        what = AttemptWords(value).text
    }
}

/// Something that a check found.
struct FindingRow: Sendable {
    let area: String
    let state: String
    let text: String
    let fix: String?
    /// The page on which something can be done about it.
    let place: String
    let placeName: String

    init(_ finding: Finding) {
        self.init(area: finding.area, state: finding.state, text: finding.text, fix: finding.fix)
    }

    init(area: String, state: Finding.State, text: String, fix: String?) {
        (self.area, self.state, self.text, self.fix) = (area, state.rawValue, text, fix)
        switch area {
        case "sources", "refusals": (place, placeName) = ("/sources", "Sources")
        case "quarantine", "release", "settling", "lost": (place, placeName) = ("/drops", "Drops")
        case "ledger", "checkpoint", "witness", "sealing": (place, placeName) = ("/ledger", "Ledger")
        default: (place, placeName) = ("/reachability", "Reachability")
        }
    }
}

/// When an entry of the lists was heard from on a channel.
struct ContactRow: Sendable {
    let entry: String
    let service: String
    let channel: String
    let time: Stamp?
    let ago: String
    let expected: String?
    let isOverdue: Bool

    init(_ contact: LastContact, now: Instant) {
        entry = contact.entry.id
        service = contact.entry.service
        channel = contact.channel.rawValue
        time = contact.last.map { Stamp($0) }
        ago = contact.last.map { Age.ago(now - $0) } ?? "never"
        expected = contact.expected?.summary
        isOverdue = contact.isOverdue
    }
}

enum Size {
    /// `1.4 MiB`
    static func text(_ value: Int64) -> String {
        var (amount, unit) = (Double(value), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while amount >= 1024, unit < units.count - 1 {
            amount /= 1024
            unit += 1
        }
        guard unit > 0 else { return "\(value) B" }
        let tenths = Int((amount * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
