// Whether the source lists that entries promise to have been kept are there, and are what their names say.
import Admission
import Files
import Foundation
import JSON
import TLS

package enum KeptLists {
    /// A member of the detail of each start and of each change of lists, true: the lists that this entry names were kept before
    /// it was written. Gates that did not keep their lists yet wrote no such member: what their entries name is no damage
    /// where it is missing.
    package static let promise = "lists_kept"

    package struct Damage: Sendable, Hashable {
        /// `sha256:…`
        package var version: String
        /// The entry that promises it; nil for a file that is not what its name says, and where none of the entries that were
        /// looked at promises it.
        package var entry: Int64?
        package var message: String
    }

    /// Versions that are promised, by the last entry that does. More than anybody makes by hand in years; it bounds what is
    /// kept in memory.
    static let most = 100_000

    /// The version that an entry promises to be kept; nil when it promises none.
    static func promised(_ entry: JSONValue) -> String? {
        entry["detail"]?[promise]?.bool == true ? entry["policy"]?.string : nil
    }

    /// As `promised`, of an entry's bytes.
    static func promised(_ scan: EntryScan, _ json: UnsafeRawBufferPointer) -> String? {
        guard scan.policy != nil,
            scan.reason?.equals("started") == true || scan.reason?.equals("changed") == true
        else { return nil }
        return (try? JSONValue(parsing: Array(json))).flatMap(promised)
    }
}

extension LedgerReading {
    /// The versions of lists that entries promise to be kept, by the last entry that does.
    /// - Parameter since: nil: as far back as entries can be read, sealed ones too.
    func promisedLists(since: Instant?) throws -> [String: Int64] {
        var query = LedgerQuery()
        query.since = since
        query.kinds = [.service, .policy]
        query.reasons = [.started, .changed]
        query.text = KeptLists.promise
        query.limit = 1000
        var promised: [String: Int64] = [:]
        while true {
            let page = try entries(query)
            for entry in page {
                guard let version = KeptLists.promised(try entry.value()) else { continue }
                if promised.count < KeptLists.most || promised[version] != nil {
                    promised[version] = entry.seq
                }
            }
            guard page.count == query.limit, let last = page.last else { return promised }
            query.after = last.seq
        }
    }
}

extension PolicyArchive {
    /// What is wrong with what is kept. Throws `LedgerError(.unreadable)` where this process may not look: what it may not
    /// read says nothing of the lists.
    /// - Parameter inForce: the version that a running gate keeps; nil: none runs, or it does not say.
    func damage(
        promised: [String: Int64], inForce: String? = nil
    ) throws(LedgerError) -> [KeptLists.Damage] {
        let damage = try altered() + missing(promised)
        guard let inForce, promised[inForce] == nil, let path = try absent(inForce) else { return damage }
        let message = "\(path) is gone: the source lists that the running gate has in force"
        return damage + [.init(version: inForce, message: message)]
    }

    /// Files that are not what their names say.
    func altered() throws(LedgerError) -> [KeptLists.Damage] {
        guard try isThere(directory) else { return [] }
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
            throw LedgerError(Self.unreadable, reading: directory, SystemError(of: error) ?? SystemError(EIO))
        }
        var damage: [KeptLists.Damage] = []
        for name in names.sorted() {
            let version = "sha256:" + name.dropLast(".txt".count)
            guard Self.fileName(version) == name else { continue }
            let path = "\(directory)/\(name)"
            let what: String
            do throws(SmallFile.Failure) {
                let bytes = try SmallFile.open(path).contents(limit: Self.maximum)
                if "sha256:\(Hex.text(SHA256.hash(data: bytes).bytes))" == version { continue }
                what = "it was altered"
            } catch {
                if case .system(let error) = error, [EACCES, EPERM].contains(error.code) {
                    throw LedgerError(Self.unreadable, reading: path, error)
                }
                what = "\(error)"
            }
            damage.append(
                .init(
                    version: version,
                    message: "\(path) does not hold the source lists that its name says: \(what)"))
        }
        return damage
    }

    /// Versions that were promised, and of which there is no file.
    func missing(_ promised: [String: Int64]) throws(LedgerError) -> [KeptLists.Damage] {
        var damage: [KeptLists.Damage] = []
        for (version, entry) in promised.sorted(by: { $0.value < $1.value }) {
            guard let path = try absent(version) else { continue }
            damage.append(
                .init(
                    version: version, entry: entry,
                    message: "\(path) is gone: the source lists that entry \(entry) says were kept"))
        }
        return damage
    }

    /// Where a version should be kept; nil when it is there, or is no version.
    private func absent(_ version: String) throws(LedgerError) -> String? {
        guard let name = Self.fileName(version) else { return nil }
        let path = "\(directory)/\(name)"
        return try isThere(path) ? nil : path
    }

    private func isThere(_ path: String) throws(LedgerError) -> Bool {
        do throws(FileError) { return try Presence.check(path) } catch {
            throw LedgerError(Self.unreadable, error)
        }
    }

    private static let unreadable = "the source lists that are kept cannot be read"
}

extension KeptLists.Damage {
    var fault: LedgerFault { LedgerFault(.lists, entry.map { $0...$0 }, message) }
}
