// `expect:` of a source entry: how often it is to be heard from, channel by channel.
//
//     expect:
//       webhook: {every: 4h, hours: 08:00-18:00, days: [sun, mon, tue, wed, thu], zone: Asia/Qatar}
//       sftp: {every: 2d}
import Admission
import Foundation

enum ExpectedContactReader {
    private static let keys = ["every", "hours", "days", "zone"]
    private static let bounds: ClosedRange<Duration> = .seconds(1) ... .seconds(366 * 86_400)

    /// `channels`: those of the entry; nil when they could not be read.
    static func read(_ value: YAMLValue, channels: Set<Channel>?) -> [Channel: ExpectedContact] {
        guard let values = value.mapping(allowing: [Channel.webhook.rawValue, Channel.sftp.rawValue]) else {
            return [:]
        }
        if values.isEmpty, !isExplained(value) {
            value.fail("names no channel; write webhook: {every: 4h}, or leave expect out")
        }
        var expect: [Channel: ExpectedContact] = [:]
        for (name, value) in values {
            guard let channel = Channel(rawValue: name) else { continue }
            if let channels, !channels.contains(channel) {
                value.fail("expects calls on \(name), which is not among the entry's channels")
            }
            expect[channel] = expectation(value)
        }
        return expect
    }

    private static func expectation(_ value: YAMLValue) -> ExpectedContact? {
        guard let values = value.mapping(allowing: keys) else { return nil }
        if values["every"] == nil { value.missing("every", "say how often at least, as in {every: 4h}") }
        // Each is read even when another failed, so that all problems are named at once. Lists with a problem are not used.
        let every = values["every"]?.duration(in: bounds)
        let hours = values["hours"].flatMap(range)
        let days = values["days"]?.list { $0.word(ExpectedContact.Day.self) }
        if days?.isEmpty == true { values["days"]?.fail("names no day; leave it out for all days") }
        let zone = values["zone"].flatMap(zone)
        guard let every else { return nil }
        var expectation = ExpectedContact(every: every)
        if let hours { expectation.hours = hours }
        if let days { expectation.days = Set(days) }
        if let zone { expectation.zone = zone }
        return expectation
    }

    /// Whether a key below it was told to be wrong.
    private static func isExplained(_ value: YAMLValue) -> Bool {
        value.log.problems.contains { $0.key.hasPrefix(value.key + ".") }
    }

    private static func zone(_ value: YAMLValue) -> String? {
        guard let name = value.text("a time zone, as in Asia/Qatar") else { return nil }
        guard TimeZone(identifier: name) != nil else {
            value.fail(
                "\(value.quoted()) is not a time zone of this machine; write a name such as Asia/Qatar, or UTC"
            )
            return nil
        }
        return name
    }

    /// `08:00-18:00` as minutes of the day.
    private static func range(_ value: YAMLValue) -> Range<Int>? {
        guard let text = value.text("hours, as in 08:00-18:00") else { return nil }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(minutes)
        guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else {
            value.fail(
                "\(value.quoted()) are not hours within one day; write them as in 08:00-18:00, at most 00:00-24:00"
            )
            return nil
        }
        return start..<end
    }

    private static func minutes(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 1440
        else { return nil }
        return hour * 60 + minute
    }
}
