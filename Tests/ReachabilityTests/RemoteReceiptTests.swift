// Receipts of another gate are refused unless every part that decides about files is clean.
import Reachability
import Testing

@Suite struct RemoteReceiptTests {
    private let id = "01kb0000000000000000000000"
    private let digest = String(repeating: "ab", count: 32)

    private func receipt(
        drop: String? = nil, file: String = "ready/sftp/vsee/a.xml", bytes: String = "3",
        sha256: String? = nil,
        more: String = ""
    ) -> [UInt8] {
        Array(
            """
            {"drop":"\(drop ?? id)","channel":"sftp","name":"a.xml","file":"\(file)","bytes":\(bytes),\
            "sha256":"\(sha256 ?? digest)","received":"2026-11-25T08:00:00Z"\(more)}
            """.utf8)
    }

    @Test func aCleanOneIsTaken() throws {
        _ = try RemoteReceipt(receipt(), id: id)
        _ = try RemoteReceipt(receipt(file: "ready/webhook/2026-11-25/b.ndjson", more: ",\"line\":2"), id: id)
    }

    @Test func othersAreRefused() {
        let bad = [
            receipt(drop: "01kb0000000000000000000001"), receipt(drop: "../../etc/passwd"),
            receipt(file: "ready/../receipts/x.json"), receipt(file: "/etc/passwd"),
            receipt(file: "ready//a"), receipt(file: "ready/sftp/./a"), receipt(file: "quarantine/sftp/a"),
            receipt(file: "ready/a"), receipt(file: "ready/sftp/a\\u0000b/c"), receipt(file: ""),
            receipt(bytes: "-1"), receipt(bytes: "1.5"), receipt(sha256: ""),
            receipt(sha256: digest.uppercased()),
            receipt(sha256: String(digest.dropLast())), receipt(more: ",\"line\":0"), Array("{}".utf8), [],
            Array(repeating: 0x5B, count: 100_000),
        ]
        for bytes in bad {
            #expect(throws: PullError.self) { try RemoteReceipt(bytes, id: id) }
        }
    }
}
