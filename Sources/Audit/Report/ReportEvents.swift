// What a report says of the gate and its people: changes of lists and accounts, starts and stops, exports. Pure.
import Admission
import JSON
import Ledger

struct ReportEvents {
    private let ground: ReportGround

    init(_ ground: ReportGround) { self.ground = ground }

    /// - Parameter entries: of the kinds policy and service, and exports (kind access), oldest first.
    func add(_ entries: [StoredEntry], to report: inout Report) {
        report.stoppedBefore = ground.markBefore.flatMap { $0.isStart ? nil : $0.time }
        for stored in entries {
            guard let entry = try? stored.value() else { continue }
            switch entry["kind"]?.string.flatMap(EntryKind.init(rawValue:)) {
            case .policy: report.changes.append(Self.change(stored, entry))
            case .access:
                guard let what = Self.export(entry["reason"]?.string, entry["detail"]) else { continue }
                report.exports.append(Report.ServiceEvent(time: stored.time, what: what))
            default: addService(stored, entry, to: &report)
            }
        }
        for run in ground.setBacks where run.touches(report.period.ledger) {
            report.clockChanges.append(run.summary)
        }
    }

    // MARK: Changes

    /// A command's entry says what was asked for, and the gate's own what came of it; where no other is to come, the command's says
    /// that it is in force.
    private static func change(_ stored: StoredEntry, _ entry: JSONValue) -> Report.Change {
        let detail = entry["detail"]
        let isRejected = entry["verdict"]?.string == Verdict.rejected.rawValue
        let command = detail?["command"]?.string
        let by = PersonWords(detail).map { "by \($0.text)" }
        let who = [command, by].compactMap(\.self).joined(separator: " ")
        let change = try? ListChange(stored)
        return Report.Change(
            time: stored.time,
            outcome: isRejected
                ? .refused : command == nil || detail?["in_force"]?.bool == true ? .inForce : .asked,
            lines: (who.isEmpty ? [] : [who]) + (change.map(lines) ?? lines(detail)),
            refuses: change.map(refused) ?? [])
    }

    private static func lines(_ change: ListChange) -> [String] {
        guard change.difference.isEmpty else { return change.difference }
        return ["lists \(change.before ?? "unknown") -> \(change.version); what changed is not known"]
    }

    /// Of an entry that puts no lists in force.
    private static func lines(_ detail: JSONValue?) -> [String] {
        let told = detail?["diff"] ?? detail?["problems"] ?? detail?["accounts"]
        // Lists that are good again, and as they were, have a message alone.
        return told?.array?.compactMap(\.string) ?? detail?["message"]?.string.map { [$0] } ?? []
    }

    /// The recent callers that changed lists refuse from now on, as their entry tells them.
    private static func refused(_ change: ListChange) -> [String] {
        let more = change.refusesCount - Int64(change.refuses.count)
        return change.refuses.map(\.text)
            + (more > 0 ? ["\(more) other recent callers are refused from now on, too"] : [])
            + [change.gap].compactMap(\.self)
    }

    // MARK: Exports

    /// An export in words; nil for another access.
    private static func export(_ reason: String?, _ detail: JSONValue?) -> String? {
        func words(_ names: String...) -> String {
            ([PersonWords(detail)?.text] + names.map { detail?[$0]?.string }).compactMap(\.self)
                .joined(separator: " ")
        }
        switch reason {
        case Reason.exported.rawValue: return words("command", "format", "query")
        case Reason.exportedInPart.rawValue:
            let whole = (detail?["part_of"]?.int).map { " of entry \($0)" } ?? ""
            return "\(words("command"))\(whole) ended in part: \(detail?["why"]?.string ?? "")"
        default: return nil
        }
    }

    // MARK: The service

    private func addService(_ stored: StoredEntry, _ entry: JSONValue, to report: inout Report) {
        let reason = entry["reason"]?.string ?? ""
        let detail = entry["detail"]
        var event = Report.ServiceEvent(time: stored.time, what: Self.words(reason, detail))
        if reason == Reason.started.rawValue {
            event.isStart = true
            event.gap = ground.silentSince[stored.seq].map { (stored.time - $0).components.seconds }
            // Lists that were changed while no gate ran come into force by its start.
            if (try? ListChange(stored))?.changesLists == true {
                report.changes.append(Self.change(stored, entry))
            }
        }
        if let change = ClockChange(detail?[ClockChange.member]) {
            report.clockChanges.append("\(stored.time), entry \(stored.seq): \(change.summary)")
        }
        if reason == Reason.silent.rawValue {
            report.silences.append("\(stored.time): \(detail?["message"]?.string ?? "")")
        }
        report.services.append(event)
    }

    private static func words(_ reason: String, _ detail: JSONValue?) -> String {
        if detail?[KeyRotation.member] != nil {
            let by = PersonWords(detail).map { " by \($0.text)" } ?? ""
            return "the ledger's signing key was changed\(by)"
        }
        if let removed = detail?[LedgerSegment.removalMember] {
            return "retention removed entries \(removed["first"]?.int ?? 0) to \(removed["last"]?.int ?? 0)"
        }
        if let change = ClockChange(detail?[ClockChange.member]) { return change.summary }
        let more = ["version", "error", "message"].compactMap { detail?[$0]?.string }.joined(separator: " ")
        return more.isEmpty ? reason : "\(reason) (\(more))"
    }
}
