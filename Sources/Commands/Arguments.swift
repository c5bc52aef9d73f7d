// Gate words and values as command-line arguments: each parses by the rules of its own type.
package import Admission
import ArgumentParser
import Files
import Ledger
import Management
import Settings

extension Channel: ExpressibleByArgument {}
extension Verdict: ExpressibleByArgument {}
extension Reason: ExpressibleByArgument {}
extension EntryKind: ExpressibleByArgument {}
extension SourceEntry.Mode: ExpressibleByArgument {}

/// A moment: RFC 3339, a date (midnight UTC), how long ago (`2h`, `7d`), `now`, `today` or `yesterday`.
package struct Moment: ExpressibleByArgument {
    package let instant: Instant

    package init?(argument: String) { self.init(argument, now: .now()) }

    /// Days begin at midnight UTC, as those of the ledger and of staging do.
    package init?(_ text: String, now: Instant) {
        switch text {
        case "now": instant = now
        case "today": instant = Self.day(of: now)
        case "yesterday": instant = Self.day(of: now) - .seconds(86400)
        default:
            if let instant = Instant(rfc3339: text) {
                self.instant = instant
            } else if let ago = Quantity.duration(text) {
                instant = now - ago
            } else {
                return nil
            }
        }
    }

    private static func day(of instant: Instant) -> Instant {
        let day: Int64 = 86_400_000_000
        let into = ((instant.microseconds % day) + day) % day
        return Instant(microseconds: instant.microseconds - into)
    }

    static let help = "2026-11-23, 2026-11-23T08:00:00Z, today, yesterday, now, or how long ago: 30m, 2h, 7d"
}

/// Reads what the parser cannot, with the words of the type's own error.
enum ArgumentText {
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

    /// Words of an operator that others will read.
    static func checkWords(_ text: String?, _ option: String) throws {
        guard let text, !UntrustedText.isName(text) else { return }
        throw ValidationError(
            "\(option): \"\(UntrustedText.line(text))\" cannot be written; \(UntrustedText.noName)")
    }

    /// The bytes of a file that only its owner can read.
    static func secret(_ file: String, _ option: String) throws(ManagementError) -> [UInt8] {
        do throws(FileProblem) { return try FileReading.secret(Paths.absolute(file)) } catch {
            throw ManagementError(.invalid, "\(option): \(error)", cause: error)
        }
    }

    /// A date or a moment to come.
    static func instant(_ text: String, _ option: String) throws -> Instant {
        guard let instant = Instant(rfc3339: text) else {
            throw ValidationError(
                "\(option): \"\(text)\" is not a date; write 2027-01-31 or 2027-01-31T08:00:00Z")
        }
        return instant
    }
}

extension ManagementError {
    /// As the parser tells what is wrong with arguments.
    var asUsage: any Error { code == .invalid ? ValidationError(description) : self }
}
