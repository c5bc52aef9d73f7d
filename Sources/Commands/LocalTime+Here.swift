// The time zone of whoever runs a command. The C library takes UTC for a zone that it does not know and says nothing: here that
// is found out, because whoever asked for local times would take UTC for them.
package import Admission
import Foundation

extension LocalTime {
    /// Of this process: TZ, or the machine's zone.
    package static let here = LocalTime(environment: ProcessInfo.processInfo.environment)

    /// - Parameter environment: of this process: the C library reads TZ by itself.
    package init(environment: [String: String]) {
        if let zone = environment["TZ"], !Self.isKnown(zone, files: environment["TZDIR"]) {
            self.init(unknownZone: zone)
            return
        }
        self.init { instant in
            var seconds = time_t((instant - Instant(microseconds: 0)).components.seconds)
            var parts = tm()
            return localtime_r(&seconds, &parts) == nil ? 0 : Int64(parts.tm_gmtoff)
        }
    }

    /// Whether the C library finds a zone by this value of TZ (tzset(3)): a file, or a rule such as `AST-3`.
    private static func isKnown(_ value: String, files: String?) -> Bool {
        let zone = value.hasPrefix(":") ? String(value.dropFirst()) : value
        // What the library takes where it finds no file, too.
        if ["", "UTC", "GMT"].contains(zone) { return true }
        let folder = files.flatMap { $0.isEmpty ? nil : $0 } ?? "/usr/share/zoneinfo"
        return isZoneFile(zone.hasPrefix("/") ? zone : folder + "/" + zone) || isRule(zone)
    }

    /// tzfile(5): it begins with four letters.
    private static func isZoneFile(_ path: String) -> Bool {
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }
        return (try? file.read(upToCount: 4)) == Data("TZif".utf8)
    }

    /// A name of three letters or more, or one in angle brackets, and an offset; what follows are the days of summer time.
    private static func isRule(_ text: String) -> Bool {
        var rest = text[...]
        if rest.hasPrefix("<"), let end = rest.firstIndex(of: ">") {
            rest = rest[rest.index(after: end)...]
        } else {
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            guard name.count >= 3 else { return false }
            rest = rest.dropFirst(name.count)
        }
        if rest.hasPrefix("+") || rest.hasPrefix("-") { rest = rest.dropFirst() }
        return rest.first.map { $0.isASCII && $0.isNumber } ?? false
    }
}
