// The `longname` of READDIR, draft section 7: a line as `ls -l` prints it, for people and for clients that
// parse it. Times are UTC. No locale, no time zone data.

/// One name in a directory, without its parents.
package struct DirectoryEntry: Equatable, Sendable {
    package var name: [UInt8]
    package var node: Node

    package init(name: [UInt8], node: Node) {
        self.name = name
        self.node = node
    }
}

func longName(_ entry: DirectoryEntry, account: String, now: Int64) -> [UInt8] {
    let mode = entry.node.kind == .directory ? "drwx------" : "-rw-------"
    let links = entry.node.kind == .directory ? "2" : "1"
    let owner = account.padded(to: 8, before: false)
    let size = String(entry.node.size).padded(to: 12, before: true)
    let line = "\(mode) \(links.padded(to: 3, before: true)) \(owner) \(owner) \(size) "
    return Array(line.utf8) + Array(listTime(entry.node.modified, now: now).utf8) + [UInt8(ascii: " ")]
        + entry.name
}

/// "Nov 23 09:03" within half a year, else "Nov 23  2025"; GNU ls does the same.
func listTime(_ seconds: Int64, now: Int64) -> String {
    let halfYear: Int64 = 15_778_476
    let seconds = min(max(seconds, 0), Int64(UInt32.max))
    let (year, month, day) = civil(daysSinceEpoch: seconds / 86_400)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let date = "\(months[month - 1]) \(String(day).padded(to: 2, before: true))"
    guard seconds <= now, seconds > now - halfYear else { return "\(date)  \(year)" }
    let minutes = seconds % 86_400 / 60
    return "\(date) \(twoDigits(minutes / 60)):\(twoDigits(minutes % 60))"
}

/// Howard Hinnant's civil_from_days for days from 1970-01-01 on.
private func civil(daysSinceEpoch days: Int64) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let fromMarch = (5 * dayOfYear + 2) / 153
    let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (Int(year), Int(month), Int(dayOfYear - (153 * fromMarch + 2) / 5 + 1))
}

private func twoDigits(_ value: Int64) -> String {
    value < 10 ? "0\(value)" : "\(value)"
}

extension String {
    fileprivate func padded(to width: Int, before: Bool) -> String {
        let padding = String(repeating: " ", count: max(0, width - utf8.count))
        return before ? padding + self : self + padding
    }
}
