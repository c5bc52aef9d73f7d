// Adding and removing entries in a list file: other lines stay, and nothing is written that does not read back.
import Admission
import Files
import Foundation
import Settings
import Testing

@Suite struct SourceListEditorTests {
    static let list = """
        # What VSee says of itself.
        name: vsee
        owner: integration   # who answers

        entries:
          # the clinic
          - cidr: 20.21.208.105
            service: clinic
            channels: [webhook, sftp]

          # the messenger
          - service: messenger
            cidr: 20.21.208.105
            channels: [webhook]   # no files
        # the end

        """

    private func entry(
        _ cidr: String, service: String = "clinic", channels: Set<Channel> = [.webhook], note: String? = nil
    ) throws -> SourceEntry {
        SourceEntry(list: "vsee", service: service, cidr: try CIDRBlock(cidr), channels: channels, note: note)
    }

    /// What a document says of other addresses is no provenance for this one.
    @Test func theListsDocumentIsNotTheNewEntrys() throws {
        let gate = try GateDirectory()
        let text = "document: {title: Diagram, read: 2026-11-23}\nreview_by: 2027-02-23\n" + Self.list
        let file = try gate.write("vsee.yaml", text)
        let added = try SourceListEditor(file: file).add(entry("192.0.2.1", service: "lab"))
        #expect(added.document == nil && added.owner == "integration" && added.reviewBy != nil)
        #expect(try gate.read("vsee.yaml").contains("    channels: [webhook]\n    document: none\n"))
        var published = try entry("192.0.2.2", service: "other")
        published.document = .init(title: "Mail", read: "2026-11-24")
        #expect(try SourceListEditor(file: file).add(published).document == published.document)
        #expect(
            try PolicyLoader.load(files: [file]).entries.map(\.document?.title) == [
                "Diagram", "Diagram", nil, "Mail",
            ])
    }

    @Test func anIdThatIsTakenIsRefusedUntilTheNewEntryHasItsOwn() throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", Self.list)
        #expect {
            try SourceListEditor(file: file).add(entry("192.0.2.1"))
        } throws: { error in
            "\(error)".contains("vsee/clinic is also the entry at \(file):7:5")
                && "\(error)".contains("--id clinic-2")
        }
        #expect(try gate.read("vsee.yaml") == Self.list)
        var second = try entry("192.0.2.1")
        second.ownID = "clinic-2"
        #expect(try SourceListEditor(file: file).add(second).id == "vsee/clinic-2")
        #expect(try gate.read("vsee.yaml").contains("    service: \"clinic\"\n    id: \"clinic-2\"\n"))
    }

    @Test func anEntryIsAppendedAndEveryOtherLineStays() throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", Self.list, mode: 0o640)
        let added = try SourceListEditor(file: file).add(
            entry("192.0.2.0/24", service: "lab", channels: [.sftp, .webhook], note: "a \"test\"\nof \\ it"))
        let expected = Self.list.replacingOccurrences(
            of: "# no files\n",
            with: """
                # no files
                  - cidr: "192.0.2.0/24"
                    service: "lab"
                    channels: [webhook, sftp]
                    note: "a \\"test\\"\\nof \\\\ it"

                """)
        #expect(try gate.read("vsee.yaml") == expected)
        #expect(added.owner == "integration" && added.note == "a \"test\"\nof \\ it")
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o640)
        #expect(try FileManager.default.contentsOfDirectory(atPath: gate.path) == ["vsee.yaml"])
    }

    @Test func allFieldsReadBack() throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", "mode: observe\n" + Self.list)
        var entry = try entry("2001:db8::/32", service: "lab")
        entry.document = .init(title: "A: mail", page: "#2", read: "2026-11-23")
        entry.owner = "yes"
        entry.reviewBy = Instant(rfc3339: "2027-01-01")
        entry.expires = Instant(rfc3339: "2027-06-01T08:30:00Z")
        let added = try SourceListEditor(file: file).add(entry)
        #expect(added == entry)
        #expect(try PolicyLoader.load(files: [file]).entries.last == entry)
    }

    @Test(arguments: ["true", "no", "null", "on", "1e3", "0x1F", "017", "1.0", "2026-11-23", "1_000"])
    func namesThatYAMLWouldTakeForOtherValuesReadBack(name: String) throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", Self.list)
        var entry = try entry("192.0.2.1", service: name)
        #expect(try SourceListEditor(file: file).add(entry) == PolicyLoader.load(files: [file]).entries.last)
        (entry.cidr, entry.service, entry.ownID) = (try CIDRBlock("192.0.2.2"), "lab", "\(name)-2")
        #expect(try SourceListEditor(file: file).add(entry).id == "vsee/\(name)-2")
        entry.cidr = try CIDRBlock("192.0.2.3")
        entry.ownID = name == "true" ? "no" : "true"
        #expect(try SourceListEditor(file: file).add(entry).ownID == entry.ownID)
    }

    @Test func theLinesOfAnEntryAreRemovedAndNoOthers() throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", Self.list)
        let removed = try SourceListEditor(file: file).remove(CIDRBlock("20.21.208.105"), service: "clinic")
        #expect(removed.map(\.service) == ["clinic"])
        let lines = Self.list.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(try gate.read("vsee.yaml") == (lines[..<6] + lines[9...]).joined(separator: "\n"))
    }

    @Test func theLastEntriesOfTwoAreRemovedByService() throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", Self.list)
        _ = try SourceListEditor(file: file).remove(CIDRBlock("20.21.208.105"), service: "messenger")
        #expect(try gate.read("vsee.yaml").hasSuffix("  # the messenger\n# the end\n"))
        #expect(try PolicyLoader.load(files: [file]).entries.map(\.service) == ["clinic"])
    }

    @Test(arguments: ["vsee/clinic", "vsee/hooks"])
    func byItsIdOneEntryOfABlockAndServiceIsRemoved(id: String) throws {
        let gate = try GateDirectory()
        let text = """
            name: vsee
            entries:
              - {cidr: 20.21.208.105, service: clinic, channels: [sftp]}
              - {cidr: 20.21.208.105, service: clinic, channels: [webhook], id: hooks}

            """
        let file = try gate.write("vsee.yaml", text)
        let edit = try SourceListEditor(file: file).removing(id: id)
        #expect(edit.touched.map(\.id) == [id])
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let gone = id == "vsee/clinic" ? 2 : 3
        #expect(edit.text == (lines[..<gone] + lines[(gone + 1)...]).joined(separator: "\n"))
        #expect(throws: SourceListEditor.Refusal.self) {
            try SourceListEditor(file: file).removing(id: "vsee/none")
        }
    }

    @Test(arguments: ["20.21.208.105", "192.0.2.9"])
    func whatWouldEmptyTheListOrIsNotThereIsRefused(cidr: String) throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", Self.list)
        #expect(throws: SourceListEditor.Refusal.self) {
            try SourceListEditor(file: file).remove(CIDRBlock(cidr), service: nil)
        }
        #expect(try gate.read("vsee.yaml") == Self.list)
    }

    @Test func aTwinIsRefusedWithItsLine() throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee.yaml", Self.list)
        #expect {
            try SourceListEditor(file: file).add(entry("20.21.208.105"))
        } throws: { error in
            "\(error)".contains("clinic 20.21.208.105/32 is already given at \(file):7:5")
        }
        #expect(try gate.read("vsee.yaml") == Self.list)
    }

    @Test func aListInOneLineIsLeftToItsAuthor() throws {
        let gate = try GateDirectory()
        let text = "entries: [{cidr: 192.0.2.1, service: a, channels: [sftp]}]\n"
        let file = try gate.write("vsee.yaml", text)
        #expect(throws: SourceListEditor.Refusal.self) {
            try SourceListEditor(file: file).add(entry("192.0.2.2"))
        }
        #expect(try gate.read("vsee.yaml") == text)
    }

    @Test func aByteOrderMarkStaysWhereItIs() throws {
        let gate = try GateDirectory()
        let text = "\u{FEFF}entries:\n- cidr: 192.0.2.1\n  service: a\n  channels: [sftp]\n"
        let file = try gate.write("vsee.yaml", text)
        _ = try SourceListEditor(file: file).add(entry("192.0.2.2"))
        // `String` would leave it out.
        #expect(FileManager.default.contents(atPath: file)?.starts(with: Data(text.utf8)) == true)
        #expect(try SourceListEditor(file: file).entries.count == 2)
    }

    @Test func aFileWithoutALastNewlineCanBeAddedTo() throws {
        let gate = try GateDirectory()
        let text = "entries:\n- cidr: 192.0.2.1\n  service: a\n  channels: [sftp]"
        let file = try gate.write("vsee.yaml", text)
        _ = try SourceListEditor(file: file).add(entry("192.0.2.2"))
        #expect(
            try gate.read("vsee.yaml") == text
                + "\n- cidr: \"192.0.2.2/32\"\n  service: \"clinic\"\n  channels: [webhook]")
    }
}

extension SourceListEditor {
    fileprivate func add(_ entry: SourceEntry) throws -> SourceEntry {
        let edit = try adding(entry)
        try Self.apply(edit)
        return try #require(edit.touched.first)
    }

    @discardableResult
    fileprivate func remove(_ block: CIDRBlock, service: String?) throws -> [SourceEntry] {
        let edit = try removing(block, service: service)
        try Self.apply(edit)
        return edit.touched
    }
}
