// What the entry and the log say of lists that took the place of others, by a reload or by a start: the difference, and who
// called in the last days and is refused from now on.
import Admission
import Intake
import JSON
import Ledger
import Logging
import Management

struct PolicyChange {
    /// How far back callers are looked at.
    private static let days: Int64 = 30
    /// The changed lists let nobody new in until this is known.
    private static let patience = Duration.milliseconds(250)
    /// Callers that the entry names.
    private static let mostRefused = 20

    let difference: [String]
    private let refused: [DecisionChange]
    /// Why there may be more who are refused; nil when all were looked at.
    private let gap: String?

    /// Blocks for `patience`, more or less.
    init(from old: Policy, to new: Policy, intake: Intake) {
        difference = new.difference(from: old)
        do {
            let changes = try DecisionChanges.between(
                old, new, in: intake.ledger.reader(), since: intake.now - .seconds(Self.days * 86_400),
                now: intake.now, limit: Self.patience)
            refused = changes.refused
            gap = changes.isComplete ? nil : "not every recent caller was checked: there are too many"
        } catch {
            refused = []
            gap = "recent callers could not be checked: \(error)"
        }
    }

    /// Members of the detail of the change's entry.
    var detail: [String: JSONValue] {
        var detail: [String: JSONValue] = ["diff": Self.lines(difference)]
        if !refused.isEmpty {
            detail[DecisionChange.refusesMember] = .array(refused.prefix(Self.mostRefused).map(\.json))
            detail[DecisionChange.countMember] = .int(Int64(refused.count))
        }
        detail[DecisionChange.gapMember] = gap.map { .string(UntrustedText.head($0, limit: 512)) }
        return detail
    }

    func log(to logger: Logger) {
        for line in difference { logger.notice("source lists: \(line)") }
        for change in refused.prefix(Self.mostRefused) { logger.warning("source lists: \(change.text)") }
        if refused.count > Self.mostRefused {
            logger.warning(
                "source lists: \(refused.count - Self.mostRefused) other recent callers are refused from now on, too"
            )
        }
        if let gap { logger.warning("source lists: \(gap)") }
    }

    /// At most 100 lines, cut to the length that `DifferenceLine` expects: an entry is no place for a whole list.
    static func lines(_ lines: [String]) -> JSONValue {
        let shown = lines.prefix(100).map { UntrustedText.head($0, limit: DifferenceLine.limit) }
        return .array(
            (shown + (lines.count > 100 ? ["… \(lines.count - 100) more"] : [])).map(JSONValue.string))
    }
}
