// Gate words and values as command-line arguments: each parses by the rules of its own type.
package import Admission
import ArgumentParser
import Files
import Foundation
import Ledger
import Management
import Settings

extension Channel: ExpressibleByArgument {}
extension Verdict: ExpressibleByArgument {}
extension Reason: ExpressibleByArgument {}
extension EntryKind: ExpressibleByArgument {}
extension SourceEntry.Mode: ExpressibleByArgument {}

/// A moment: RFC 3339, how long ago (`2h`, `7d`) or `now`; `today`, `yesterday`, a date and a time without an offset are local
/// to whoever asks.
package struct Moment: ExpressibleByArgument {
    package let instant: Instant
    /// As it was typed, where it was worked out by local time; else nil.
    package let local: String?
    /// Typed as `now`: the moment of the answer, whenever that is.
    package let isNow: Bool

    package init?(argument: String) { self.init(argument, now: .now(), place: .here) }

    package init?(_ text: String, now: Instant, place: LocalTime) {
        let local: Instant? =
            switch text {
            case "today": place.startOfDay(now)
            case "yesterday": place.startOfDay(now, days: -1)
            default: Instant(wallClock: text).map(place.first(showing:))
            }
        self.local = local == nil ? nil : text
        isNow = text == "now"
        let exact = text == "now" ? now : Instant(rfc3339: text) ?? Quantity.duration(text).map { now - $0 }
        // What is longer ago than a date can say is a mistake.
        guard let instant = local ?? exact, instant.isWritable else { return nil }
        self.instant = instant
    }

    static let help =
        "2026-11-23, today or yesterday (local time), 2026-11-23T08:00:00+03:00, now, or how long ago: 30m, 2h, 7d"

    /// What was meant by local times, where they are not UTC, or should not be.
    package static func notes(since: Moment?, until: Moment?, place: LocalTime = .here) -> [String] {
        [since?.note("--since", place), until?.note("--until", place)].compactMap { $0 }
    }

    /// What was meant by a local time, where that is not UTC, or should not be.
    package func note(_ option: String, _ place: LocalTime = .here) -> String? {
        guard let local, place.offset(instant) != 0 || place.warning != nil else { return nil }
        return "\(option) \(local) is \(place.text(instant))" + (place.warning.map { "; \($0)" } ?? "")
    }
}

/// Reads what the parser cannot, with the words of the type's own error.
package enum ArgumentText {
    static func block(_ text: String) throws -> CIDRBlock {
        do throws(AddressError) {
            return try CIDRBlock(text)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    static func address(_ text: String) throws -> IPAddress {
        do throws(AddressError) {
            return try IPAddress(text)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// A path, an id or a name as it was typed. One that is empty comes of a variable that is not set: as a path it would be the
    /// working directory, and nothing has an empty id.
    static func notEmpty(_ text: String) throws -> String {
        guard !text.isEmpty else {
            throw ValidationError("it is empty; perhaps a shell variable is not set")
        }
        return text
    }

    /// Words of an operator that others will read.
    static func checkWords(_ text: String?, _ option: String) throws {
        guard let text, !UntrustedText.isName(text) else { return }
        throw ValidationError(
            "\(option): \"\(UntrustedText.line(text))\" cannot be written; \(UntrustedText.noName)")
    }

    /// The bytes of a file that only its owner can read.
    static func secret(_ file: String, _ option: String) throws(ManagementError) -> [UInt8] {
        do throws(FileError) { return try FileReading.secret(Paths.absolute(file)) } catch {
            throw ManagementError(.invalid, "\(option): \(error)", cause: error)
        }
    }

    /// Says where a local date that was typed is taken for one of UTC.
    static func warnOfZone(_ option: String, _ place: LocalTime = .here) {
        if let warning = place.warning { Output.error(warning, prefix: "warning: \(option): ") }
    }

    /// A date, which is local, or a moment to come.
    package static func instant(
        _ text: String, _ option: String, place: LocalTime = .here
    ) throws -> Instant {
        let local = Instant(wallClock: text).map(place.first(showing:))
        if local != nil { warnOfZone(option, place) }
        guard let instant = local ?? Instant(rfc3339: text), instant.isWritable else {
            throw ValidationError(
                "\(option): \"\(text)\" is not a date; write 2027-01-31 (local time) or 2027-01-31T08:00:00Z")
        }
        return instant
    }
}

extension ManagementError {
    /// As the parser tells what is wrong with arguments.
    var asUsage: any Error { code == .invalid ? ValidationError(description) : self }
}
