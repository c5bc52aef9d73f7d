// What a verification found, in words and as an exit status. Pure.
import Admission
import Ledger
import Management
import Reachability

struct LedgerVerdict {
    private let verification: LedgerService.Verification
    private let now: Instant
    private let hasKey: Bool
    private var result: LedgerVerifier.Result { verification.result }

    /// - Parameter hasKey: whether the public key came from elsewhere.
    init(_ verification: LedgerService.Verification, now: Instant, hasKey: Bool) {
        self.verification = verification
        self.now = now
        self.hasKey = hasKey
    }

    /// nil when all is well.
    var exitStatus: Int32? { result.faults.map { Self.status($0.kind) }.min() }

    /// Of a ledger that is not what was seen signed; nil for other errors.
    static func status(_ error: LedgerError) -> Int32? {
        switch error.code {
        case .rolledBack, .missing: status(.rolledBack)
        case .forked: status(.forked)
        default: nil
        }
    }

    static func status(_ kind: LedgerFault.Kind) -> Int32 {
        20 + Int32(LedgerFault.Kind.allCases.firstIndex(of: kind) ?? 0)
    }

    var lines: [String] {
        var lines = result.faults.map { "\(Colour.red($0.kind.rawValue))  \(UntrustedText.line($0.message))" }
        let more = result.faultCount - result.faults.count
        if more > 0 { lines.append("… and \(more) more") }
        for range in result.removed {
            lines.append(
                "entries \(range.lowerBound) to \(range.upperBound) were removed by retention, as recorded")
        }
        if result.size == 0 { return lines + ["the ledger has no entries"] }
        let signed =
            result.signed.map { "signed up to entry \($0.size - 1) at \($0.time)" } ?? "nothing is signed"
        lines.append(
            "\(Counted.entries(result.size)), "
                + "\(Counted.text(result.checkpointCount, "checkpoint", "checkpoints")), \(signed)")
        for witness in verification.witnessed {
            lines.append(
                "witness \(witness.name): entries up to \(witness.size - 1), \(Age.ago(now - witness.time))")
        }
        guard result.isGood else {
            return lines + [Colour.red("NOT VERIFIED: \(Counted.findings(result.faultCount))")]
        }
        let range = "0…\(result.size - 1)"
        guard result.witnessed != nil else {
            let keyed = hasKey && result.signed != nil ? "signed by the given key, but " : ""
            return lines + [
                Colour.yellow("verified \(range): internally consistent only"),
                "\(keyed)there was no checkpoint from elsewhere to tell whether the whole ledger was replaced",
            ]
        }
        return lines
            + [
                Colour.green(
                    "verified \(range); \(Counted.entries(verification.unwitnessed)) not yet witnessed")
            ]
    }
}
