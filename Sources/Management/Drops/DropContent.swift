// What a released drop holds, for who may have it: read where it lies, and compared with nothing: its receipt says size and digest.
import Ledger
import Settings
package import Staging

package struct DropContent: Sendable {
    package enum Source: Sendable {
        case file(any ReleasedFile)
        /// One event of a batch.
        case bytes([UInt8])
    }

    package let drop: DropView
    package let source: Source
    package let size: Int64
}

/// Why a drop has no content to give.
package enum NoContent: Error, Sendable, Hashable {
    /// There is no such drop.
    case unknown
    /// It is not in `ready/` yet.
    case notReleased
    /// It is in `ready/` no more: somebody has it, its sender took it back, or it is lost.
    case gone(state: String)
    /// What lies there has not the size that the ledger says, or is no file.
    case altered
}

extension DropService {
    /// The content of a released drop that lies in `ready/`. Throws `NoContent`, or as the other methods.
    /// - Parameter id: as the ledger writes it.
    package func content(of id: String) throws -> DropContent {
        let reader = try settings.ledgerHandle.reader()
        guard DropID.isValid(id), let record = try reader.drop(id: id) else { throw NoContent.unknown }
        let look = try ReadyLook(settings, reader)
        let view = try DropView(record, reader, look)
        switch record.state {
        case .pending: throw NoContent.notReleased
        case .released, .taken, .acknowledged: break
        case .withdrawn, .lost, .forgotten: throw NoContent.gone(state: view.state)
        }
        do {
            let content = try found(record, view, look)
            // Names come back: what was opened is this drop's if the name is its own afterwards, too.
            guard try look.isThere(record) else { throw NoContent.gone(state: "\(DropState.taken)") }
            guard content.size == view.bytes ?? content.size else { throw NoContent.altered }
            return content
        } catch let error as StagingError where error.code == .badPath {
            // A directory, a link or a pipe lies in its place, or where a directory above it was.
            throw try look.isThere(record) ? NoContent.altered : .gone(state: "\(DropState.taken)")
        } catch let error as StagingError where error.code == .notFound {
            throw NoContent.gone(state: "\(DropState.taken)")
        }
    }

    private func found(_ record: DropRecord, _ view: DropView, _ look: ReadyLook) throws -> DropContent {
        guard StagingLayout.holdsLines(record.readyPath) else {
            let file = try look.open(record)
            return DropContent(drop: view, source: .file(file), size: try file.size())
        }
        guard let body = try look.event(of: record, line: view.receipt.line) else { throw NoContent.altered }
        return DropContent(drop: view, source: .bytes(body), size: Int64(body.count))
    }
}
