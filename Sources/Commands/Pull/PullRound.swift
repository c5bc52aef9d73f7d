// One round of fetching: every drop that waits on the other gate is fetched, checked, taken over here, and only then
// acknowledged there. It can be cut off at any moment: what was taken over is known here under the other gate's id.
import Admission
import Foundation
import Intake
import Ledger
import Reachability
import Settings
import Staging

/// What a round came to.
struct PullSummary {
    var pulled = 0
    var bytes: Int64 = 0
    /// Taken over by an earlier round that was cut off before it could acknowledge them.
    var known = 0
    var failures: [(drop: String, why: String)] = []

    /// A round that found nothing is none.
    var isWorthALine: Bool { pulled > 0 || known > 0 || !failures.isEmpty }

    var text: String {
        var text = "pulled \(pulled) \(pulled == 1 ? "drop" : "drops"), \(bytes) bytes"
        if known > 0 { text += "; \(known) were here already" }
        if !failures.isEmpty { text += "; \(failures.count) failed" }
        return text
    }

    func json(from origin: String) -> JSONValue {
        .object([
            "from": .string(origin), "pulled": .int(Int64(pulled)), "bytes": .int(bytes),
            "known": .int(Int64(known)),
            "failed": .array(
                failures.map { .object(["drop": .string($0.drop), "why": .string($0.why)]) }),
        ])
    }
}

struct PullRound {
    let settings: GateSettings
    let remote: RemoteGate
    /// The other gate without any secret, for receipts and messages.
    let origin: String

    /// Throws when the other gate cannot be reached or this one cannot take anything; a single drop that fails is in
    /// the summary. Ends between two drops when the task is cancelled.
    func run() async throws -> PullSummary {
        let directory = try Directory(path: settings.staging.path, create: true)
            .subdirectory(["incoming", "pull"], create: true)
        guard let lock = try PullLock(in: directory) else {
            throw Failure(.inside, "another pull into \(settings.staging.path) is running; let it end first")
        }
        defer { withExtendedLifetime(lock) {} }
        do {
            let summary = try await fetchAll(into: directory)
            await remote.close()
            return summary
        } catch {
            await remote.close()
            throw error
        }
    }

    private func fetchAll(into directory: Directory) async throws -> PullSummary {
        let peer = try await remote.open()
        let waiting = try await remote.waiting()
        var summary = PullSummary()
        guard !waiting.isEmpty else { return summary }
        let adopter = try await Adopter(settings)
        let progress = Progress("pulling")
        defer { progress.end() }
        do {
            for (index, id) in waiting.enumerated() where !Task.isCancelled {
                progress.show(Int64(index), of: Int64(waiting.count))
                do {
                    try await take(id, from: peer, adopter, directory, &summary)
                } catch is CancellationError {
                    break
                } catch let error as PullError where error.code == .full {
                    throw Failure(.inside, error.description)
                } catch let error as PullError {
                    if error.code == .gone { try directory.remove(id + ".part") }
                    summary.failures.append((id, error.description))
                } catch let error as IntakeError {
                    guard error.code == .malformed || error.code == .badPath else {
                        throw Failure(.inside, "\(error)")
                    }
                    summary.failures.append((id, "\(error)"))
                }
            }
        } catch {
            await adopter.close()
            throw error
        }
        await adopter.close()
        return summary
    }

    private func take(
        _ id: String, from peer: RemoteGate.Peer, _ adopter: Adopter, _ directory: Directory,
        _ summary: inout PullSummary
    ) async throws {
        if try await adopter.has(id) {
            try directory.remove(id + ".part")
            summary.known += 1
        } else {
            let remote = try await remote.receipt(of: id)
            // Refused before it is fetched, and as this drop's matter alone, also beside a running gate.
            _ = try PulledDrop(remote.adopted, origin: origin, hostKey: peer.hostKey, peer: peer.ip)
            try await fetch(remote, into: directory)
            let status = try await adopter.adopt(
                remote.adopted, origin: origin, hostKey: peer.hostKey, peer: peer.ip)
            if status == .duplicate {
                summary.known += 1
            } else {
                summary.pulled += 1
                summary.bytes += remote.receipt.bytes
            }
        }
        try await remote.acknowledge(id)
    }

    /// Bytes that do not fit the receipt are fetched once more from the start: a partial file may be of another time.
    private func fetch(_ receipt: RemoteReceipt, into directory: Directory) async throws {
        for isLast in [false, true] {
            do {
                return try await remote.fetch(receipt, into: directory, reserve: settings.staging.reserve)
            } catch let error as PullError where error.code == .mismatch {
                try directory.remove(receipt.receipt.drop + ".part")
                if isLast { throw error }
            }
        }
    }
}
