// A receipt of another gate, before it is believed: it decides which files are read there and written here.
import Admission
package import Staging
import TLS

package struct RemoteReceipt: Sendable {
    /// As it was written there; its `file` is a clean path under `ready/`.
    package let receipt: Receipt

    package static let longest = 1 << 20

    /// `id` is from the receipt's file name, and valid.
    package init(_ bytes: [UInt8], id: String) throws(PullError) {
        func refuse(_ why: String) -> PullError {
            PullError(.badReceipt, "the receipt of \(id) cannot be trusted: \(why)")
        }
        guard let receipt = try? Receipt(parsing: bytes) else { throw refuse("it is not a receipt") }
        guard receipt.drop == id else {
            throw refuse("it names the drop \(UntrustedText.head(receipt.drop))")
        }
        guard let sha256 = receipt.sha256, SHA256Digest.isHex(sha256), receipt.bytes >= 0 else {
            throw refuse("it gives no size and SHA-256")
        }
        let parts = receipt.file.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 3, parts.first == "ready", parts.allSatisfy(Directory.isComponent) else {
            throw refuse("its file \(UntrustedText.head(receipt.file)) is not a path under ready/")
        }
        if let line = receipt.line {
            guard line > 0, Directory.isComponent(receipt.name) else {
                throw refuse("its line or name is not valid")
            }
        }
        self.receipt = receipt
    }

    /// The receipt to hand over: what this gate writes anew is left out, and an event that lay in a batch of many
    /// lies in a file of its own here.
    package var toImport: Receipt {
        var single = receipt
        (single.origin, single.reason, single.released) = (nil, nil, nil)
        (single.path, single.contentType) = (nil, nil)
        guard receipt.line != nil, let end = receipt.file.lastIndex(of: "/") else { return single }
        single.line = nil
        single.file = receipt.file[...end] + receipt.name
        return single
    }
}
