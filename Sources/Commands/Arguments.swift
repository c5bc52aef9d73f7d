// Gate words and values as command-line arguments: each parses by the rules of its own type.
import Admission
import ArgumentParser
import Ledger
import Settings

extension Channel: ExpressibleByArgument {}
extension Verdict: ExpressibleByArgument {}
extension Reason: ExpressibleByArgument {}
extension EntryKind: ExpressibleByArgument {}
extension SourceEntry.Mode: ExpressibleByArgument {}

/// A moment: RFC 3339, a date (midnight UTC), or how long ago (`2h`, `7d`).
struct Moment: ExpressibleByArgument {
    let instant: Instant

    init?(argument: String) {
        if let instant = Instant(rfc3339: argument) {
            self.instant = instant
        } else if let ago = Quantity.duration(argument) {
            instant = Instant.now() - ago
        } else {
            return nil
        }
    }

    static let help = "2026-11-23, 2026-11-23T08:00:00Z, or how long ago: 30m, 2h, 7d"
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

    /// A date or a moment to come.
    static func instant(_ text: String, _ option: String) throws -> Instant {
        guard let instant = Instant(rfc3339: text) else {
            throw ValidationError(
                "\(option): \"\(text)\" is no date; write 2027-01-31 or 2027-01-31T08:00:00Z")
        }
        return instant
    }
}
