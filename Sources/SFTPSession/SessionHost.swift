// Who carries out what a session's state machine asks.
import SFTPWire

/// Not for several threads.
protocol SessionHost: AnyObject {
    associatedtype Machine: SessionMachine

    /// To the daemon; when it is lost, nothing more is taken.
    var link: SessionIPCClient { get }

    /// Does one order and answers it.
    /// - Parameter input: what the machine has as its input.
    func perform(_ order: Machine.Order, for machine: inout Machine, _ input: UnsafeRawBufferPointer)
}

extension SessionStore: SessionHost {
    func perform(_ order: StoreRequest, for box: inout DropBox, _ input: UnsafeRawBufferPointer) {
        box.answer(perform(order, input, box.pieces))
        if case .write(let slot, _, _) = order, let arrived = box.arrived(slot) {
            catchUp(slot, to: arrived)
        }
    }
}
