// Holds back the next read of a connection whose bytes are much work and of little use, so that the others of its event
// loop need not wait for them. The caller is slowed down by TCP.
import NIOCore

/// For a handler that passes its `read(context:)` on to it.
final class ReadPause {
    private var isPausing = false
    private var heldRead = false

    func read(_ context: ChannelHandlerContext) {
        if isPausing { heldRead = true } else { context.read() }
    }

    /// Reads that are asked for from now on come after `time`, as one. A pause that has begun is not made longer.
    func begin(_ context: ChannelHandlerContext, for time: TimeAmount) {
        guard !isPausing else { return }
        isPausing = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: time) {
            let (pause, context) = bound.value
            pause.end(context)
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        isPausing = false
        guard heldRead else { return }
        heldRead = false
        context.read()
    }
}
