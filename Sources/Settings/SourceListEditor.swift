// Changes one entry's lines in a list file and leaves every other line as it is. The new text is read back and must hold exactly the
// entries that were meant, before it replaces the file.
package import Admission
import Files
import Foundation

package struct SourceListEditor {
    /// Why a list was left as it was.
    package struct Refusal: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// What a list is to be.
    package struct Edit: Sendable {
        /// The list's file, absolute.
        package let path: String
        /// All of the file.
        package let text: String
        /// The entries that the change is about, as they are read back, or as they were where they are gone.
        package let touched: [SourceEntry]
    }

    /// The list's file, absolute.
    package let path: String
    let text: String
    let contents: SourceListReader.Contents

    /// Reads the list at `path` (absolute). It must be good before it is changed.
    package init(file path: String) throws(SettingsErrors) {
        if let closed = PolicyLoader.closed(path) { throw SettingsErrors([closed]) }
        let log = ProblemLog()
        let text = YAMLFile.text(of: path, log: log) ?? ""
        try log.throwIfAny()
        self.path = path
        self.text = text
        self.contents = try Self.read(text, path: path)
    }

    /// The name of the list.
    package var name: String { contents.name }
    package var entries: [SourceEntry] { contents.entries.map(\.entry) }

    /// Appends an entry. Who answers for it, when it is reviewed and when it expires holds from the list's top where the entry
    /// does not say. The document does not: a document that publishes other addresses says nothing of this one.
    package func adding(_ entry: SourceEntry) throws -> Edit {
        if let namesake = contents.entries.first(where: {
            $0.entry.id == entry.id && $0.entry.cidr != entry.cidr
        }) {
            throw Refusal(
                description:
                    "\(entry.id) is also the entry at \(namesake.value.place), and the ledger names entries by this; "
                    + "give the new one an id of its own, as in --id \(entry.service)-2")
        }
        var lines = lines
        // A good list is never empty.
        let last = contents.entries.count - 1
        let indent = try dash(of: last).indent
        let new = SourceEntryText.lines(
            entry, indent: indent, sayingMode: contents.hasMode,
            sayingNoDocument: contents.hasDocument)
        lines.insert(contentsOf: new, at: try lineRange(of: last).upperBound)
        let after = try readBack(lines)
        let added = after.entries.last?.entry
        guard after.entries.dropLast().map(\.entry) == entries, let added, added.cidr == entry.cidr,
            added.id == entry.id, added.document == entry.document, added.channels == entry.channels,
            added.mode == entry.mode
        else {
            throw Refusal(description: "\(path) is written in a way that this cannot add to; edit it by hand")
        }
        return Edit(path: path, text: Self.join(lines), touched: [added])
    }

    /// Without the entry of this id. Others of its block and service, which are for other channels, stay.
    package func removing(id: String) throws -> Edit {
        guard let index = entries.firstIndex(where: { $0.id == id }) else {
            throw Refusal(description: "\(path) has no entry \(UntrustedText.line(id))")
        }
        return try removing(entriesAt: [index])
    }

    /// Without the entries of a block, of all services or of one.
    package func removing(_ cidr: CIDRBlock, service: String?) throws -> Edit {
        let gone = contents.entries.indices.filter { index in
            let entry = contents.entries[index].entry
            return entry.cidr == cidr && (service == nil || entry.service == service)
        }
        guard !gone.isEmpty else {
            let what = service.map { "\($0) \(cidr)" } ?? "\(cidr)"
            throw Refusal(description: "\(path) has no entry \(what); see `dropgate source list`")
        }
        return try removing(entriesAt: gone)
    }

    /// `gone` rises.
    private func removing(entriesAt gone: [Int]) throws -> Edit {
        guard gone.count < entries.count else {
            throw Refusal(
                description: "\(path) would be left without an entry, and an empty list is an error; "
                    + "remove the file, or its pattern in sources, if nobody in it may call in any more")
        }
        var lines = lines
        for index in gone.reversed() {
            lines.removeSubrange(try lineRange(of: index))
        }
        let kept = entries.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
        let after = try readBack(lines)
        guard after.entries.map(\.entry) == kept else {
            throw Refusal(
                description: "\(path) is written in a way that this cannot remove from; edit it by hand")
        }
        return Edit(path: path, text: Self.join(lines), touched: gone.map { entries[$0] })
    }

    /// Writes a list.
    package static func apply(_ edit: Edit) throws {
        try FileReplacement.write([UInt8](edit.text.utf8), to: edit.path)
    }

    // MARK: Lines

    /// What a list would hold. What is wrong with it stands in no file.
    private func readBack(_ lines: [Substring]) throws(SettingsErrors) -> SourceListReader.Contents {
        do throws(SettingsErrors) { return try Self.read(Self.join(lines), path: path) } catch {
            throw error.unwritten(in: path)
        }
    }

    static func read(
        _ text: String, path: String
    ) throws(SettingsErrors) -> SourceListReader.Contents {
        let log = ProblemLog()
        let root = YAMLFile.parse(text, path: path, log: log)
        let contents = root.flatMap { SourceListReader(file: path, log: log).read($0) }
        try log.throwIfAny()
        guard let contents else { throw SettingsErrors(log.problems) }
        return contents
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    static func join(_ lines: [Substring]) -> String { lines.joined(separator: "\n") }

    static func indent(_ line: Substring) -> Int { line.prefix { $0 == " " }.count }

    /// The line and column (from 0) of the dash that begins an entry of a block list.
    func dash(of index: Int) throws -> (line: Int, indent: Int) {
        let lines = lines
        guard case .file(_, let number, let column) = contents.entries[index].value.place,
            number > 0, number <= lines.count
        else { throw unreadable(index) }
        var line = number - 1
        var before = lines[line].prefix(column - 1)
        if before.allSatisfy({ $0 == " " }), line > 0 {
            // The dash may stand alone above the entry.
            line -= 1
            before = lines[line]
        }
        let content = before.drop { $0 == " " }
        guard content.first == "-", content.dropFirst().allSatisfy({ $0 == " " }) else {
            throw unreadable(index)
        }
        return (line, Self.indent(before))
    }

    private func unreadable(_ index: Int) -> Refusal {
        let place = contents.entries[index].value.place
        return Refusal(
            description: "\(place): this entry has no line of its own that begins with -; edit it by hand")
    }

    /// The lines of an entry from its dash to its last line with a value. Comments behind it are not its own.
    func lineRange(of index: Int) throws -> Range<Int> {
        let lines = lines
        let start = try dash(of: index)
        var end = start.line + 1
        for next in end..<lines.count {
            let line = lines[next]
            let content = line.drop { $0 == " " }
            if content.isEmpty || content.hasPrefix("#") { continue }
            if Self.indent(line) <= start.indent { break }
            end = next + 1
        }
        return start.line..<end
    }
}
