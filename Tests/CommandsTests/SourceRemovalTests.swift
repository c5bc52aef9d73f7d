// What `dropgate source remove` and the console's removal take away: what was meant, and nothing beside it.
import Admission
import Management
import Settings
import Testing

@Suite struct SourceRemovalTests {
    /// Of the block and service of `TestGate.entry`, for the other channel.
    private static let sibling =
        "  - cidr: 20.21.208.105\n    service: clinic\n    id: clinic-files\n    channels: [sftp]\n"
    private static let other = "  - cidr: 20.21.208.105\n    service: lab\n    channels: [sftp]\n"

    @Test(arguments: [("vsee/clinic", "vsee/clinic-files"), ("vsee/clinic-files", "vsee/clinic")])
    func aRemovalLeavesTheSiblingOfTheEntry(id: String, sibling: String) async throws {
        let gate = try TestGate.plain(entries: TestGate.entry + Self.sibling)
        let service = SourceService(try SettingsLoader.load(file: gate.config, namedFiles: .ignored))
        let change = SourceChange.remove(id)
        let preview = try service.preview(change)
        #expect(preview.difference.count == 1 && preview.difference[0].hasPrefix("- \(id) "))
        try await service.make(change, base: preview.base, by: .current, warn: { _ in })
        #expect(try gate.policy().entries.map(\.id) == [sibling])
    }

    @Test func theCommandTakesAnIdInPlaceOfABlock() async throws {
        let gate = try TestGate.plain(entries: TestGate.entry + Self.sibling)
        let removed = await gate.run("source", "remove", "--id", "vsee/clinic-files")
        #expect(removed.status == 0, "\(removed)")
        #expect(removed.out == "- vsee/clinic-files 20.21.208.105/32 (enforce, sftp)\n")
        #expect(try gate.read("sources/vsee.yaml") == "entries:\n\(TestGate.entry)")
    }

    @Test func aBlockAndAServiceTakeAllOfTheirEntries() async throws {
        let gate = try TestGate.plain(entries: TestGate.entry + Self.sibling + Self.other)
        let removed = await gate.run("source", "remove", "20.21.208.105", "--service", "clinic")
        #expect(removed.status == 0, "\(removed)")
        #expect(try gate.policy().entries.map(\.id) == ["vsee/lab"])
    }
}
