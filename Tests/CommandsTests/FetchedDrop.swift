// A drop of another gate, as `dropgate pull` brings it.
import Admission
import Intake
import Ledger
import Staging
import Testing

/// A drop of another gate, which has it at one time and not at another.
struct FetchedDrop {
    let id: String
    private let drop: PulledDrop

    init() throws {
        id = DropID.make(milliseconds: 7)
        var receipt = Receipt(
            drop: id, channel: "sftp", name: "a.xml", file: "ready/sftp/vsee/a.xml", bytes: 4,
            received: "2026-11-23T08:15:30.123456Z")
        receipt.source = "20.21.208.105"
        receipt.account = "vsee"
        receipt.sha256 = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"
        drop = try PulledDrop(
            receipt, origin: "sftp://inner@gate-2:2222", hostKey: "SHA256:host", peer: nil)
    }

    /// Where its bytes are while it is held, in a gate's directory.
    var part: String { "state/staging/incoming/pull/\(id).part" }

    func take(_ gate: TestGate, _ intake: Intake) async throws {
        try gate.write(part, "data")
        #expect(try await intake.importDrop(drop).status == .held)
    }

    func withdraw(_ intake: Intake) async throws {
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        #expect(try await intake.withdraw(pulled: id, as: attempt))
        while try intake.standing(ofDrop: id) != .withdrawn { await Task.yield() }
    }
}
