// One accepted TCP connection, closed exactly once. Nothing here reads or writes it: sshd does.
import Admission
import Glibc
import Synchronization

final class ConnectedSocket: Sendable {
    /// The other end, as it stood when the connection was accepted.
    let peer: Endpoint?
    /// nil when one of the ends is not known.
    let addresses: AddressPair?
    private let descriptor: Mutex<Int32?>
    private let isHungUp = Atomic(false)

    /// Takes the descriptor over.
    init(_ descriptor: Int32, peer: Endpoint?) {
        self.peer = peer
        addresses = AddressPair(descriptor, peer: peer)
        self.descriptor = Mutex(descriptor)
    }

    deinit { close() }

    /// The descriptor, for as long as the socket is not closed.
    var open: Int32? { descriptor.withLock { $0 } }

    /// Makes reads and writes block, as sshd expects. O_NONBLOCK is shared by all duplicates.
    func makeBlocking() -> Bool {
        descriptor.withLock { descriptor in
            guard let descriptor else { return false }
            let flags = fcntl(descriptor, F_GETFL)
            return flags >= 0 && fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0
        }
    }

    /// Whether this side ended the connection.
    var wasHungUp: Bool { isHungUp.load(ordering: .acquiring) }

    /// Ends the connection for every process that holds it.
    func hangUp() {
        isHungUp.store(true, ordering: .releasing)
        descriptor.withLock { descriptor in
            if let descriptor { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    func close() {
        descriptor.withLock { descriptor in
            if let open = descriptor { _ = Glibc.close(open) }
            descriptor = nil
        }
    }
}
