// What a session's state machine is to the process that runs it: bytes in as a span, steps out, replies in a
// buffer. The drop box of senders and the collection of collectors are the two.

/// A caller repeats `next` until it says `.read`; after `.perform` it calls `answer` first.
package protocol SessionMachine: Sendable {
    /// What is asked of whoever holds the files.
    associatedtype Order: Equatable & Sendable

    /// - Parameter input: what has been read and not been taken off; it begins with a packet.
    mutating func next(_ input: Span<UInt8>) -> SessionStep<Order>
    /// The answer to the order that `next` gave out. Without one it does nothing.
    mutating func answer(_ answer: StoreAnswer)

    /// Replies to send.
    var output: [UInt8] { get }
    mutating func outputSent(_ count: Int)
    /// How many bytes to take off the front of the input, since the last call.
    mutating func takeConsumed() -> Int

    var closing: Closing { get }
    /// Why nothing is taken any more; nil while something is.
    var refusal: String? { get }
    /// From now on nothing is taken; each request is answered with `message`, and the channel closes soon.
    mutating func refuseAll(_ message: String)
    /// The input has ended, or the session must: what is left to do with what is open. No answers.
    mutating func abandon(_ message: String) -> [Order]
}

/// What to do next.
package enum SessionStep<Order: Equatable & Sendable>: Equatable, Sendable {
    /// All complete packets are done with. Send the output, take `takeConsumed()` bytes off the input, read more.
    case read
    /// Do it and call `answer`; the input must stay as it is until then.
    case perform(Order)
    /// Send some of the output before going on: there is much of it.
    case send
    /// Pass it on; no answer.
    case report(RefusedRequest)
    /// Send the output and close the channel.
    case end
}

/// When the channel is to be closed although the client has not asked for it.
package enum Closing: Comparable, Sendable {
    case no
    /// A WRITE failed: some clients wait for ever then. Close when nothing has come for a while.
    case whenIdle
    /// Nothing can be taken any more. Close after a short grace, whatever comes.
    case soon
}
