// What leaves the gate for another program is recorded first: who took what. Where it cannot be recorded, nothing
// may leave. A running gate writes the entry, because it alone writes the ledger; without one it is written here.
import Admission
package import Foundation
package import Ledger
import Settings

package enum AccessRecord {
    /// Bounds of what a command may say of itself.
    private static let mostMembers = 16
    private static let longestText = 1024
    private static let longestName = 32

    /// Records an export by `what` (a command) and returns the seq of the entry, once it is durable. Throws a
    /// `Failure` when it is not: then nothing may be exported.
    @discardableResult
    static func exported(
        _ what: String, detail: [String: JSONValue], settings: GateSettings
    ) async throws -> Int64 {
        var detail = detail.mapValues(bounded)
        detail["command"] = .string(what)
        do {
            let control = ControlClient(path: settings.controlSocket)
            if await control.answers() { return try await control.recordAccess(detail) }
            return try await write(try attempt(.object(detail), uid: geteuid()), settings)
        } catch {
            throw Failure(
                .inside,
                "nothing was exported, because the export cannot be recorded in the ledger: \(error); "
                    + "run this as the gate's own user, with room on its disk")
        }
    }

    /// The entry of an export that a local user asks for. Throws `JSONValueError` for what is not well formed.
    package static func attempt(_ detail: JSONValue, uid: uid_t) throws -> Attempt {
        guard let members = detail.object, members.count <= mostMembers,
            members["command"]?.string?.isEmpty == false, members.allSatisfy(isBounded),
            members["user"] == nil, members["uid"] == nil
        else {
            throw JSONValueError(
                description: "an access is told by a command and a few short printable texts")
        }
        var attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .exported)
        attempt.detail = members
        attempt.detail["uid"] = .int(Int64(uid))
        attempt.detail["user"] = userName(uid).map(JSONValue.string)
        return attempt
    }

    /// Throws `LedgerError`, `.locked` when a gate runs after all.
    private static func write(_ attempt: Attempt, _ settings: GateSettings) async throws -> Int64 {
        guard FileManager.default.fileExists(atPath: settings.ledger.path) else {
            throw LedgerError(.unwritable, "there is no ledger at \(settings.ledger.path)")
        }
        let store = try await LedgerOwner.open(settings)
        return try await LedgerWriter(store: store, clock: { Instant.now() }).append(attempt).seq
    }

    private static func bounded(_ value: JSONValue) -> JSONValue {
        value.string.map { .string(OutsideText.head($0, limit: longestText - 3)) } ?? value
    }

    private static func isBounded(_ name: String, _ value: JSONValue) -> Bool {
        let isName =
            (1...longestName).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F }
        return switch value {
        case .string(let text):
            isName && text.utf8.count <= longestText && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        case .int, .bool: isName
        case .array, .object: false
        }
    }

    /// The name of a local user, or nil when the system knows none.
    private static func userName(_ uid: uid_t) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let name = entry.pw_name
        else { return nil }
        return OutsideText.head(String(cString: name))
    }
}
