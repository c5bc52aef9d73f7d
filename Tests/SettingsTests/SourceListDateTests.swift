// Dates of one entry, set in a list that people have written.
import Admission
import Foundation
import Support
import Testing

@testable import Settings

@Suite struct SourceListDateTests {
    private let moment = Instant(rfc3339: "2030-01-31T00:00:00Z")!

    /// A list's text after a date was set, by a list's text.
    private func set(
        _ field: SourceListEditor.DateField, of id: String, in text: String
    ) throws -> String {
        let directory = try TemporaryDirectory("dates")
        try Data(text.utf8).write(to: URL(filePath: directory.file("l.yaml")))
        return try SourceListEditor(file: directory.file("l.yaml")).setting(field, of: id, to: moment).text
    }

    @Test(arguments: [
        // Not there yet: behind the entry's last line.
        (
            "- cidr: 192.0.2.1/32\n    service: a\n    channels: [sftp]\n",
            "- cidr: 192.0.2.1/32\n    service: a\n    channels: [sftp]\n    review_by: 2030-01-31\n"
        ),
        // There, with a comment above.
        (
            "- cidr: 192.0.2.1/32\n    # soon\n    review_by: 2027-01-01\n    service: a\n    channels: [sftp]\n",
            "- cidr: 192.0.2.1/32\n    # soon\n    review_by: 2030-01-31\n    service: a\n    channels: [sftp]\n"
        ),
        // Behind the dash.
        (
            "- review_by: 2027-01-01\n    cidr: 192.0.2.1/32\n    service: a\n    channels: [sftp]\n",
            "- review_by: 2030-01-31\n    cidr: 192.0.2.1/32\n    service: a\n    channels: [sftp]\n"
        ),
        // On one line.
        (
            "- {cidr: 192.0.2.1/32, service: a, channels: [sftp]}\n",
            "- {cidr: 192.0.2.1/32, service: a, channels: [sftp], review_by: 2030-01-31}\n"
        ),
        (
            "- {cidr: 192.0.2.1/32, review_by: 2027-01-01, service: a, channels: [sftp]} # why\n",
            "- {cidr: 192.0.2.1/32, review_by: 2030-01-31, service: a, channels: [sftp]} # why\n"
        ),
    ])
    func onlyTheDateChanges(before: String, after: String) throws {
        let (head, tail) = (
            "name: l\nentries:\n  ", "  - {cidr: 192.0.2.9/32, service: b, channels: [sftp]}\n"
        )
        #expect(try set(.reviewBy, of: "l/a", in: head + before + tail) == head + after + tail)
    }

    @Test func aDateOfTheListIsOverruledForTheOneEntry() throws {
        let text =
            "name: l\nexpires: 2027-01-01\nentries:\n  - {cidr: 192.0.2.1/32, service: a, channels: [sftp]}\n"
            + "  - {cidr: 192.0.2.2/32, service: b, channels: [sftp]}\n"
        let after = try set(.expires, of: "l/b", in: text)
        #expect(
            after.hasPrefix("name: l\nexpires: 2027-01-01\n")
                && after.hasSuffix("channels: [sftp], expires: 2030-01-31}\n"))
    }

    @Test(arguments: [
        // A note that looks like the field, an alias, an entry on several lines in braces.
        "- {cidr: 192.0.2.1/32, service: a, channels: [sftp], note: \"review_by: x\"}\n",
        "- {cidr: 192.0.2.1/32,\n     service: a, channels: [sftp]}\n",
    ])
    func whatCannotBeChangedIsLeftToAPerson(entry: String) throws {
        #expect(throws: SourceListEditor.Refusal.self) {
            try set(.reviewBy, of: "l/a", in: "name: l\nentries:\n  " + entry)
        }
    }

    @Test func anEntryThatIsNotThereIsSaid() throws {
        #expect(throws: SourceListEditor.Refusal.self) {
            try set(
                .reviewBy, of: "l/x",
                in: "name: l\nentries:\n  - {cidr: 192.0.2.1/32, service: a, channels: [sftp]}\n")
        }
    }
}
