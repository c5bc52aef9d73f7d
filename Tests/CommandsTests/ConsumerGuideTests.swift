// The guide for consumers says what the code writes: the members of receipts and of drops, and the words of quarantine.
import Foundation
import Intake
import JSON
import Ledger
import Management
import Staging
import Testing

@Suite struct ConsumerGuideTests {
    /// The cells of the table below a heading, a row each, without its head.
    private static func rows(after heading: String, table: Int = 1) throws -> [[String]] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: ".github/guides/consuming.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let part = try #require(text.components(separatedBy: "\n## \(heading)\n").last)
        let section = part.components(separatedBy: "\n## ")[0]
        let tables = section.components(separatedBy: "\n\n").filter { $0.hasPrefix("|") }
        try #require(tables.count >= table)
        return tables[table - 1].split(separator: "\n").dropFirst(2).map { row in
            row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    private static func name(_ row: [String]) -> String { row[0].trimmingCharacters(in: ["`"]) }

    private static func filled() -> Receipt {
        var receipt = Receipt(drop: "d", channel: "c", name: "n", file: "f", bytes: 1, received: "r")
        (receipt.seq, receipt.line) = (1, 1)
        (receipt.source, receipt.account, receipt.credential, receipt.policy) = ("", "", "", "")
        (receipt.uploadedAs, receipt.sha256, receipt.modified, receipt.origin) = ("", "", "", "")
        (receipt.eventID, receipt.eventType, receipt.envelope, receipt.contentType) = ("", "", "", "")
        (receipt.duplicateOf, receipt.sameEventAs, receipt.reason, receipt.path) = ("", "", "", "")
        (receipt.entries, receipt.pulled, receipt.released) = ([""], "", "")
        return receipt
    }

    private static func members(_ receipt: Receipt) throws -> [String: JSONValue] {
        try JSONValue(parsing: receipt.encoded()).object ?? [:]
    }

    @Test func everyMemberOfAReceiptIsDescribed() throws {
        let rows = try Self.rows(after: "Receipts")
        let written = try Self.members(Self.filled())
        #expect(Set(rows.map(Self.name)) == Set(Receipt.members) && rows.count == written.count)
        #expect(Set(written.keys) == Set(Receipt.members))
        for row in rows {
            let value = try #require(written[Self.name(row)])
            let type = value.int != nil ? "integer" : value.array != nil ? "array" : "string"
            #expect(row.count == 4 && row[2] == type, "\(row)")
        }
        let least = Receipt(drop: "d", channel: "c", name: "n", file: "f", bytes: 1, received: "r")
        let always = rows.filter { $0[1] == "always" }.map(Self.name)
        #expect(Set(always) == Set(try Self.members(least).keys))
        let format = try #require(rows.first { Self.name($0) == "format" })
        #expect(format[3].contains("the format: \(Receipt.currentFormat)."))
    }

    @Test func everyMemberOfADropIsDescribed() throws {
        let rows = try Self.rows(after: "Receipts", table: 2)
        #expect(Set(rows.map(Self.name)) == DropsTests.own)
        let states = try #require(rows.first { Self.name($0) == "state" })[2]
        for word in DropState.words + [DropView.held] { #expect(states.contains("`\(word)`"), "\(word)") }
    }

    @Test func everyWordOfQuarantineIsDescribed() throws {
        let rows = try Self.rows(after: "Events that were not held")
        #expect(rows.map(Self.name) == NotHeld.allCases.map(\.rawValue))
    }
}
