// `expect:` of source lists: what is read and what is refused.
import Admission
import Files
import Testing

@testable import Settings

@Suite struct ExpectedContactReaderTests {
    private func entry(_ expect: String, channels: String = "[webhook, sftp]") throws -> SourceEntry {
        let gate = try GateDirectory()
        let file = try gate.write(
            "sources/l.yaml",
            "name: l\nentries:\n  - cidr: 192.0.2.1\n    service: s\n    channels: \(channels)\n    expect: \(expect)\n"
        )
        return try #require(try PolicyLoader.load(files: [file]).entries.first)
    }

    @Test func everyKeyIsRead() throws {
        let expect = try entry(
            "{webhook: {every: 4h, hours: 08:00-18:00, days: [sun, mon], zone: Asia/Qatar}, sftp: {every: 2d}}"
        ).expect
        #expect(
            expect[.webhook]
                == ExpectedContact(
                    every: .seconds(4 * 3600), hours: 480..<1080, days: [.sun, .mon], zone: "Asia/Qatar"))
        #expect(expect[.sftp] == ExpectedContact(every: .seconds(2 * 86_400)))
    }

    @Test(arguments: [
        ("{}", "names no channel"), ("{webhook: {}}", "every: is missing"),
        ("{webhook: {every: 4}}", "duration"),
        ("{webhook: {every: 0s}}", "out of range"), ("{console: {every: 4h}}", "unknown key"),
        ("{webhook: {every: 4h, hours: 18:00-08:00}}", "are not hours"),
        ("{webhook: {every: 4h, hours: 8-18}}", "are not hours"),
        ("{webhook: {every: 4h, hours: 08:00-24:01}}", "are not hours"),
        ("{webhook: {every: 4h, days: [friday]}}", "not allowed"),
        ("{webhook: {every: 4h, days: []}}", "no day"),
        ("{webhook: {every: 4h, zone: Mars/Olympus}}", "not a time zone"),
        ("{webhook: {evry: 4h}}", "unknown key"),
    ])
    func mistakesAreNamed(expect: String, message: String) throws {
        let error = #expect(throws: SettingsErrors.self) { try entry(expect) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func aChannelThatTheEntryDoesNotHaveCannotBeExpected() throws {
        let error = #expect(throws: SettingsErrors.self) {
            try entry("{sftp: {every: 1d}}", channels: "[webhook]")
        }
        #expect(error?.description.contains("not among the entry's channels") == true)
    }
}
