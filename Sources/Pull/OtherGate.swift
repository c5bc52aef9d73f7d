// What a round asks of the other gate. `RemoteGate` says what each answer means, and what is thrown.
import Reachability
import Staging

protocol OtherGate: Sendable {
    func open() async throws -> RemoteGate.Peer
    func close() async
    func waiting() async throws -> [String]
    func receipt(of id: String) async throws -> RemoteReceipt
    func acknowledge(_ id: String) async throws -> Bool
    func fate(of id: String) async throws -> DropFate
    func fetch(_ remote: RemoteReceipt, into directory: Directory, reserve: Int64) async throws
}

extension RemoteGate: OtherGate {}
