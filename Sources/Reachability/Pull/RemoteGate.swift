// Another gate as its collector sees it over SFTP: receipts that wait, files under ready/, an acknowledgement by removing a receipt,
// and what has become of a drop. Nothing that comes from there is believed before it is checked.
package import Admission
import Blocking
package import Staging

package actor RemoteGate {
    package struct Peer: Sendable {
        package let ip: IPAddress
        /// `SHA256:…`
        package let hostKey: String
    }

    private static let receipts = "/receipts"
    private static let ready = "/ready"
    private static let standings = "/standing"
    private static let longestStanding = 4096
    /// A batch of events is read whole; one beyond this is not what a gate writes.
    private static let longestBatch: Int64 = 256 << 20

    private let target: SFTPTarget
    private let user: String
    private let credential: SSHCredential
    private let pins: HostKeyPins
    private let options: ProbeOptions
    private let executor = BlockingQueue(label: "dropgate.pull")
    private var client: SFTPClient?
    /// The batch that was read last: its events come one after the other.
    private var batch: (file: String, lines: [ArraySlice<UInt8>])?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(
        target: SFTPTarget, user: String, credential: SSHCredential, pins: HostKeyPins, options: ProbeOptions
    ) {
        self.target = target
        self.user = user
        self.credential = credential
        self.pins = pins
        self.options = options
    }

    /// Logs in. The host key must be pinned: one that is not known is refused as a wrong one is.
    package func open() throws(Diagnosis) -> Peer {
        let steps = SSHSteps(ProbeRecorder(kind: "pull", target: "\(target)", options: options))
        let socket = try ProbeConnection.open(host: target.host, port: target.port, steps.recorder)
        let session = try steps.session(socket, pins: pins)
        guard let key = session.hostKey, pins.check(key) == .pinned else {
            throw Diagnosis(
                .hostKeyUnknown, means: "\(pins.origin) has no key of \(target.host), port \(target.port)",
                next: "pin the gate's host key: --host-key SHA256:…")
        }
        if let offered = try steps.methods(session, user: user) {
            try steps.logIn(session, user: user, credential, offered: offered)
        }
        client = try steps.openSFTP(session)
        return Peer(ip: socket.peer.ip, hostKey: key.fingerprint)
    }

    package func close() {
        client = nil
        batch = nil
    }

    private func connected() throws(SFTPError) -> SFTPClient {
        guard let client else { throw .ended("") }
        client.session.deadline = Deadline(in: options.timeout)
        return client
    }

    /// The ids of drops that wait, oldest first. Other names are left alone. Throws `Diagnosis` when the account is no
    /// collector's, or `SFTPError`.
    package func waiting() throws -> [String] {
        let suffix = ".json"
        for directory in [Self.ready, Self.receipts] {
            // Every account may look into its own tree, and only a collector's has both.
            do throws(SFTPError) { _ = try connected().size(of: directory) } catch {
                guard case .status = error else { throw error }
                throw Diagnosis.noCollector(user, target)
            }
        }
        return try connected().names(in: Self.receipts, patience: options.timeout).filter {
            $0.hasSuffix(suffix)
        }
        .map { String($0.dropLast(suffix.count)) }.filter(DropID.isValid).sorted()
    }

    /// Throws `PullError` or `SFTPError`.
    package func receipt(of id: String) throws -> RemoteReceipt {
        let bytes = try small("\(Self.receipts)/\(id).json", limit: RemoteReceipt.longest, id)
        return try RemoteReceipt(bytes, id: id)
    }

    /// Acknowledges a drop; false: it waits there no more, or has another name since its receipt was read. Throws `PullError` when
    /// it is refused, or `SFTPError`.
    package func acknowledge(_ id: String) throws -> Bool {
        do {
            try connected().remove("\(Self.receipts)/\(id).json")
            return true
        } catch {
            guard case .status = error else { throw error }
            guard error.isNoSuchFile else {
                throw PullError(
                    .refused, "drop \(id) is here, but its acknowledgement is refused there: \(error)")
            }
            return false
        }
    }

    /// What has become of a drop there. Throws `PullError` when it cannot be asked now, or `SFTPError`.
    package func fate(of id: String) throws -> DropFate {
        do {
            let bytes = try small("\(Self.standings)/\(id).json", limit: Self.longestStanding, id)
            return DropFate(bytes, id: id)
        } catch let error as PullError where error.code == .gone {
            // A gate of an earlier version has no such file, and none has one of a drop that is not the account's.
            return .unknown
        }
    }

    /// Fetches a drop's bytes into `<id>.part` of a directory, going on where an earlier fetch was cut off, and
    /// checks them. Durable only after the import, which syncs. What lies there is cut where it does not fit the receipt: of a drop that
    /// was taken over before, the receipt is compared first (`Intake.importDrop`). Throws `PullError`, `SFTPError` or `StagingError`.
    package func fetch(_ remote: RemoteReceipt, into directory: Directory, reserve: Int64) throws {
        let receipt = remote.receipt
        let part: FetchedPart
        if let line = receipt.line {
            let bytes = try event(line, of: receipt)
            part = try partial(receipt, directory, reserve)
            // What came whole in an earlier round is not written again.
            if part.size != receipt.bytes || part.sha256 != receipt.sha256 {
                try part.restart()
                try part.append(bytes)
            }
        } else {
            part = try download(receipt, into: directory, reserve)
        }
        guard part.size == receipt.bytes else {
            throw PullError(
                .mismatch,
                "drop \(receipt.drop) has \(Counted.bytes(part.size)) there, its receipt says \(receipt.bytes)"
            )
        }
        guard part.sha256 == receipt.sha256 else {
            throw PullError(
                .mismatch, "the bytes of drop \(receipt.drop) do not have the SHA-256 in its receipt")
        }
    }

    /// The partial file, when there is room for the rest of it.
    private func partial(_ receipt: Receipt, _ directory: Directory, _ reserve: Int64) throws -> FetchedPart {
        let part = try FetchedPart(in: directory, name: receipt.drop + ".part")
        let isOther = part.size == receipt.bytes && part.sha256 != receipt.sha256
        if part.size > receipt.bytes || isOther { try part.restart() }
        guard try directory.space().bytes - (receipt.bytes - part.size) >= reserve else {
            throw PullError(
                .full,
                "no room for drop \(receipt.drop) of \(Counted.bytes(receipt.bytes)): staging.reserve is reached"
            )
        }
        return part
    }

    private func download(
        _ receipt: Receipt, into directory: Directory, _ reserve: Int64
    ) throws -> FetchedPart {
        try onDrop(receipt.drop) {
            // First the room: a handle that is not used would stay open there. What lies here already may take longer to read than the
            // other gate may take to answer.
            let part = try partial(receipt, directory, reserve)
            let client = try connected()
            let handle = try client.open("/" + receipt.file, .read)
            _ = try client.download(
                handle, from: part.size, to: receipt.bytes, patience: options.timeout
            ) {
                // What has come stays for the next time.
                try Task.checkCancellation()
                try part.append($0)
            }
            try client.close(handle)
            return part
        }
    }

    /// More than any gate writes into one batch; a file of line breaks must not become memory.
    private static let mostLines = 100_000

    /// One event of a batch.
    private func event(_ line: Int, of receipt: Receipt) throws -> [UInt8] {
        if batch?.file != receipt.file {
            let bytes = try small("/" + receipt.file, limit: Int(Self.longestBatch), receipt.drop)
            batch = (
                receipt.file,
                bytes.split(
                    separator: UInt8(ascii: "\n"), maxSplits: Self.mostLines, omittingEmptySubsequences: false
                )
            )
        }
        guard let lines = batch?.lines, line <= lines.count,
            let parsed = try? BatchLine(parsing: lines[line - 1]), parsed.receipt.drop == receipt.drop
        else {
            batch = nil
            throw PullError(.mismatch, "line \(line) of \(receipt.file) there is not drop \(receipt.drop)")
        }
        return parsed.bytes
    }

    /// A whole file, read from its start to its end.
    private func small(_ path: String, limit: Int, _ id: String) throws -> [UInt8] {
        let client = try connected()
        return try onDrop(id) {
            var bytes: [UInt8] = []
            let handle = try client.open(path, .read)
            while let piece = try client.piece(handle, at: Int64(bytes.count)) {
                bytes += piece
                guard bytes.count <= limit else {
                    throw PullError(.badReceipt, "\(UntrustedText.head(path)) is longer than \(limit) bytes")
                }
                client.session.deadline = Deadline(in: options.timeout)
            }
            try client.close(handle)
            return bytes
        }
    }

    /// What the server refuses of one drop is that drop's matter alone.
    private func onDrop<Value>(_ id: String, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as SFTPError {
            guard case .status = error else { throw error }
            guard !error.isNoSuchFile else {
                throw PullError(
                    .gone, "drop \(id) is not there any more: its consumer took it or acknowledged it")
            }
            throw PullError(.refused, "drop \(id) is refused there: \(error)")
        }
    }
}
