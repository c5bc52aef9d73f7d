// A drop of another gate that was fetched: its receipt is checked before anything is done by it, and says what is registered here.
package import Admission
import JSON
import Ledger
package import Staging
import TLS

/// A drop of another gate whose file waits in `incoming/pull/<drop id>.part`.
package struct PulledDrop: Sendable {
    /// As the other gate wrote it.
    let receipt: Receipt
    let channel: Channel
    let source: IPAddress?
    let sha256: String
    /// Relative to `ready/`, as it is there.
    let readyPath: String
    /// Where it was fetched, and by which key the other gate was known.
    let origin: String
    let hostKey: String
    /// The other gate's address.
    let peer: IPAddress?

    /// Throws `.malformed` for a receipt that no gate would write of a released drop.
    package init(
        _ receipt: Receipt, origin: String, hostKey: String, peer: IPAddress?
    ) throws(IntakeError) {
        func refuse(_ why: String) -> IntakeError {
            IntakeError(
                .malformed, "the receipt of \(UntrustedText.head(receipt.drop)) cannot be trusted: \(why)")
        }
        let format = receipt.format ?? Receipt.currentFormat
        guard format <= Receipt.currentFormat else {
            throw refuse("it is of format \(format), which this gate does not know")
        }
        guard DropID.isValid(receipt.drop) else { throw refuse("its drop id is not valid") }
        guard let sha256 = receipt.sha256, SHA256Digest.isHex(sha256), receipt.bytes >= 0 else {
            throw refuse("it gives no size and SHA-256")
        }
        guard let channel = Channel(rawValue: receipt.channel),
            let readyPath = Self.readyPath(receipt.file, channel, account: receipt.account)
        else { throw refuse("its file \(UntrustedText.head(receipt.file)) is not a path of a released drop") }
        var source: IPAddress?
        if let text = receipt.source {
            source = try? IPAddress(text)
            guard source != nil else { throw refuse("its source is not an address") }
        }
        let texts = [
            (receipt.name, Self.longestName), (receipt.eventID, Self.longestEventText),
            (receipt.eventType, Self.longestEventText), (receipt.account, Self.longestText),
            (receipt.credential, Self.longestText), (receipt.envelope, Self.longestText),
            (receipt.duplicateOf, Self.longestText), (receipt.sameEventAs, Self.longestText),
        ]
        guard texts.allSatisfy({ text, limit in text.map { Self.isText($0, limit: limit) } ?? true }) else {
            throw refuse("one of its texts is too long or has control characters")
        }
        let times = [receipt.received, receipt.modified].compactMap(\.self)
        guard times.allSatisfy({ $0.utf8.count <= Self.longestText && Instant(rfc3339: $0) != nil }) else {
            throw refuse("one of its times is not valid")
        }
        self.receipt = receipt
        self.channel = channel
        self.source = source
        self.sha256 = sha256
        self.readyPath = readyPath
        self.origin = UntrustedText.head(origin, limit: 512)
        self.hostKey = UntrustedText.head(hostKey, limit: 128)
        self.peer = peer
    }

    /// In bytes. The parts of an event are 200 characters at most, of up to 4 bytes.
    private static let longestText = 256
    private static let longestEventText = 800
    private static let longestName = 1024
    /// A name with `ready/sftp/<account>/` before it and a version after it.
    private static let longestPath = longestName + 128
    /// Directories that an account may nest, its own and the channel's.
    private static let deepestPath = 40

    private static func isText(_ text: String, limit: Int) -> Bool {
        text.utf8.count <= limit && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    /// `ready/sftp/<account>/…` or `ready/webhook/<day>/<name>` without its `ready/`; nil for anything else. What was released with
    /// others there is released by itself here.
    private static func readyPath(_ file: String, _ channel: Channel, account: String?) -> String? {
        guard isText(file, limit: longestPath), let path = StagingLayout.readyPath(ofFile: file) else {
            return nil
        }
        var components = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if components.count == 4, BatchName(ofReady: path) != nil { components.remove(at: 2) }
        guard (3...deepestPath).contains(components.count), components[0] == channel.rawValue,
            components.allSatisfy(Directory.isComponent)
        else { return nil }
        let isInPlace =
            switch channel {
            case .sftp: components[1] == account
            case .webhook: components.count == 3
            case .console: false
            }
        return isInPlace ? components.joined(separator: "/") : nil
    }
}

extension PulledDrop {
    func registration(readyPath: String) -> DropRegistration {
        DropRegistration(
            id: receipt.drop, content: .incoming(StagingLayout.pulledFile(receipt.drop)),
            repeatKey: DropKeys.digest(["pull", receipt.drop]), eventKey: nil, keepsRepeats: true,
            settle: DropRegistration.held, readyPath: { _ in readyPath })
    }

    func attempt(readyPath: String) -> Attempt {
        var attempt = Attempt(kind: .transfer, channel: channel, verdict: .accepted, reason: .pulled)
        attempt.source = source.map { Endpoint(ip: $0) }
        attempt.peer = peer.map { Endpoint(ip: $0) }
        attempt.account = receipt.account
        attempt.credential = receipt.credential
        attempt.drop = DropFacts(
            id: receipt.drop, name: readyPath, bytes: receipt.bytes, sha256: sha256,
            eventID: receipt.eventID, eventType: receipt.eventType,
            received: Instant(rfc3339: receipt.received))
        attempt.detail = [
            "name_as_sent": .string(receipt.name), "pulled_from": .string(origin),
            "pulled_host_key": .string(hostKey), "received_there": .string(receipt.received),
        ]
        attempt.detail["pulled_seq"] = receipt.seq.map(JSONValue.int)
        for (key, value) in [
            ("envelope", receipt.envelope), ("modified", receipt.modified),
            ("duplicate_of", receipt.duplicateOf), ("same_event_as", receipt.sameEventAs),
        ] {
            attempt.detail[key] = value.map(JSONValue.string)
        }
        return attempt
    }
}
