import Foundation
import JSON
import Staging
import Testing

@Suite struct ReceiptTests {
    private static var full: Receipt {
        var receipt = Receipt(
            drop: "01jdk2v8q3m5t7w9y1b3d5f7h9", channel: "webhook", name: "Jürgen \"x\"\\/\u{1}\n.csv",
            file: "ready/a",
            bytes: .max, received: "2026-11-23T09:03:00Z")
        receipt.seq = 7
        receipt.line = 3
        receipt.entries = ["vsee/clinic", "ä"]
        for path: WritableKeyPath<Receipt, String?> in [
            \.source, \.account, \.credential, \.policy, \.uploadedAs, \.sha256, \.modified, \.eventID,
            \.eventType,
            \.envelope, \.duplicateOf, \.sameEventAs, \.origin, \.reason, \.path, \.contentType, \.pulled,
            \.released,
        ] { receipt[keyPath: path] = "of \(path)" }
        return receipt
    }

    @Test func everyMemberIsWrittenInOrderAndReadBack() throws {
        let bytes = Self.full.encoded()
        #expect(try Receipt(parsing: bytes) == Self.full && bytes.last == 0x0A)
        let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        #expect(object?.keys.sorted() == Receipt.members.sorted())
        let text = String(decoding: bytes, as: UTF8.self)
        let places = Receipt.members.sorted().compactMap { text.range(of: "\"\($0)\":")?.lowerBound }
        #expect(places == places.sorted() && places.count == Receipt.members.count)
    }

    @Test func whatIsNotThereIsLeftOut() throws {
        let receipt = Receipt(drop: "d", channel: "sftp", name: "n", file: "f", bytes: 0, received: "t")
        #expect(
            String(decoding: receipt.encoded(), as: UTF8.self)
                == #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","format":1,"name":"n","received":"t"}"#
                + "\n")
    }

    @Test(arguments: [
        "", "{}", "null", "[]", #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n"}"#,
        #"{"bytes":"0","channel":"sftp","drop":"d","file":"f","name":"n","received":"t"}"#,
        #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n","received":"t","received":"t"}"#,
        #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n","received":"t"}{}"#,
        #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n","received":"t","line":"1"}"#,
        #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n","received":"t","source":4}"#,
        #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n","received":"t","entries":[4]}"#,
        #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n","received":"t","format":9223372036854775808}"#,
    ])
    func whatMayMeanTwoThingsOrNothingIsNoReceipt(text: String) {
        #expect(throws: StagingError.self) { try Receipt(parsing: Array(text.utf8)) }
    }

    @Test func whatALaterReleaseMayWriteIsPassedOver() throws {
        let text =
            #"{"bytes":0,"channel":"sftp","drop":"d","file":"f","name":"n","received":"t","z":{"a":[true]}}"#
        var expected = Receipt(drop: "d", channel: "sftp", name: "n", file: "f", bytes: 0, received: "t")
        expected.format = nil
        #expect(try Receipt(parsing: Array(text.utf8)) == expected)
    }

    @Test(arguments: [
        #"{"receipt":R}"#, #"{"body":"x"}"#, #"{"body":1,"receipt":R}"#,
        #"{"body":"x","body_base64":"eA==","receipt":R}"#,
        #"{"body":"x","body":"x","receipt":R}"#, #"{"body_base64":"e","receipt":R}"#,
        #"{"body":"x","receipt":R,"receipt":R}"#,
        #"{"body":"x","receipt":{}}"#, "R", "",
    ])
    func whatMayMeanTwoThingsOrNothingIsNoLine(text: String) {
        let receipt = String(decoding: Self.full.encoded().dropLast(), as: UTF8.self)
        #expect(throws: StagingError.self) {
            try BatchLine(parsing: Array(text.replacing("R", with: receipt).utf8))
        }
    }

    @Test(arguments: [Array("{ \"a\" : 1 }\n".utf8), [], [0xFF, 0x00], Array("\u{7F}ü\u{2028}".utf8)])
    func aLineOfABatchGivesTheExactBytesBack(body: [UInt8]) throws {
        var json = CanonicalJSON()
        BatchLine.write(body, receipt: Self.full.encoded().dropLast(), to: &json)
        json.endLine()
        let line = json.bytes
        #expect(line.filter { $0 == 0x0A }.count == 1 && line.last == 0x0A)
        let read = try BatchLine(parsing: line)
        #expect(read.bytes == body && read.receipt == Self.full)
    }
}

@Suite struct BatchNameTests {
    private static let drop = "01jdk2v8q3m5t7w9y1b3d5f7h9"
    private static let stem = "webhook/2026-11-23/081530.123456Z"

    @Test func aBatchIsFoundFromItsFirstEventAndFromEachOfItsPaths() throws {
        let event = "\(Self.stem)-visit.ended-5c34979c-\(Self.drop).json"
        let name = try #require(BatchName(first: Self.drop, readyPath: event))
        #expect(
            name.linesPath == "\(Self.stem)-events-\(Self.drop).ndjson" && name.receiptsPath == name.linesPath
        )
        #expect(
            name.filePath(event)
                == "\(Self.stem)-events-\(Self.drop)/081530.123456Z-visit.ended-5c34979c-\(Self.drop).json")
        #expect(
            BatchName(ofReady: name.linesPath) == name && BatchName(ofReady: name.filePath(event)) == name)
        #expect(
            StagingLayout.receiptFile(Self.drop, at: name.filePath(event)) == "receipts/" + name.receiptsPath)
        #expect(StagingLayout.receiptFile(Self.drop, at: event) == "receipts/\(Self.drop).json")
    }

    @Test(arguments: [
        "", "webhook/d/x.json", "\(stem)-24-events-7h9k2m.ndjson", "\(stem)-events-\(drop)",
        "sftp/a/-events-\(drop).ndjson",
        "\(stem)-events-\(drop)/a/b", "\(stem)-events-\(drop.dropLast())/a", "\(stem)-visit-\(drop).json",
    ])
    func otherPathsAreNoBatchs(path: String) {
        #expect(BatchName(ofReady: path) == nil)
    }
}
