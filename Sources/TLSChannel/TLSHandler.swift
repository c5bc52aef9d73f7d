// TLS in a channel's pipeline: the engine's bytes go to the socket, its text to the handlers behind.
//
// - Reading is held back as the handlers behind hold it back; what has come is decrypted at once, so no more than one
//   record waits here.
// - Writes wait for a flush and then go out in as few records as hold them.
// - The peer's close_notify is told as `ChannelEvent.inputClosed` where the channel may be half closed; else it ends it.
//   Either comes behind the end of the read, as from a socket: a channel that is closed within a read does not tell its
//   handlers of the read's end, and those of HTTP/2 keep what they had put off until then for ever.
// - `close` says close_notify, and the socket is closed when the peer has said so too, after `patience`, or
//   when the peer goes on sending all the same.
// - A failed session is one `errorCaught` with a `TLSError`, and the channel is closed, after the alert.
package import NIOCore
import NIOTLS
package import TLS

package final class TLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private enum State {
        case handshaking
        case open
        /// close_notify has been sent, and the peer's is awaited.
        case closing
        case closed
    }

    /// Bytes to write that may wait for the handshake.
    private static let mostEarly = 1 << 20
    /// Bytes of the session's own answers (alerts, new keys) that may wait for a peer that does not read them.
    private static let mostUnread = 128 << 10
    /// Bytes of text that are read and thrown away behind our close_notify, until the peer's comes.
    private static let mostIgnored = 4 << 20

    package let engine: TLSEngine
    private let patience: TimeAmount
    private var state = State.handshaking
    private var hasPeerClosed = false
    /// Between the first bytes of a read and its end.
    private var isReading = false
    /// The peer's close_notify came in this read.
    private var mustTellOfEnd = false
    /// The connection itself brings no more: a close_notify cannot come.
    private var isInputClosed = false
    private var isOutputClosed = false
    private var allowsHalfClosure = false
    private var waiting = PendingWrites()
    /// Up to which of `waiting` a flush was asked for before the handshake was done.
    private var wantsFlush = false
    private var unread = 0
    private var ignored = 0
    /// The handlers behind have asked to read, and have got nothing since.
    private var wantsRead = false
    private var closePromise: EventLoopPromise<Void>?
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    /// Throws when OpenSSL cannot make a session.
    package init(_ context: TLSContext, _ role: TLSEngine.Role, patience: TimeAmount = .seconds(5))
        throws(OpenSSLError)
    {
        engine = try TLSEngine(context, role)
        self.patience = patience
    }

    // MARK: The channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let options = context.channel.syncOptions
        allowsHalfClosure = (try? options?.getOption(.allowRemoteHalfClosure)) ?? false
        if context.channel.isActive { advance(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        abandon()
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        advance(context)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let was = state
        abandon()
        switch was {
        case .handshaking:
            context.fireErrorCaught(
                TLSError(.closedInHandshake, words: "the connection ended in the handshake"))
        case .open where !hasPeerClosed:
            context.fireErrorCaught(
                TLSError(.truncated, words: "the connection ended without close_notify"))
        case .open, .closing, .closed: break
        }
        context.fireChannelInactive()
    }

    /// Nothing goes in or out any more.
    private func abandon() {
        state = .closed
        timer?.cancel()
        timer = nil
        failWaiting(ChannelError.ioOnClosedChannel)
        closePromise?.succeed()
        closePromise = nil
    }

    private func failWaiting(_ error: any Error) {
        for promise in waiting.removeAll() { promise.fail(error) }
    }

    /// The connection is broken, reset by the peer as a rule: nothing comes any more, and nothing that is said arrives.
    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is IOError {
            isInputClosed = true
            isOutputClosed = true
        }
        context.fireErrorCaught(error)
    }

    // MARK: Bytes from the peer

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Behind the peer's close_notify there is nothing (RFC 8446, 6.1): the engine would keep it for ever.
        guard state != .closed, !hasPeerClosed else { return }
        isReading = true
        unwrapInboundIn(data).withUnsafeReadableBytes { engine.receive($0) }
        advance(context)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        // Who asked to read has got nothing: bytes came that are no text yet.
        let isUnserved = wantsRead && !hasPeerClosed
        endRead(context)
        if isUnserved, state != .closed { context.read() }
    }

    private func endRead(_ context: ChannelHandlerContext) {
        isReading = false
        context.fireChannelReadComplete()
        guard mustTellOfEnd else { return }
        mustTellOfEnd = false
        if state == .open { tellOfEnd(context) }
    }

    package func read(context: ChannelHandlerContext) {
        wantsRead = true
        context.read()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        isInputClosed = true
        switch state {
        case .handshaking:
            engine.endInput()
            advance(context)
        case .closing:
            context.fireUserInboundEventTriggered(event)
            finish(context)
        case .open where !hasPeerClosed: context.fireUserInboundEventTriggered(event)
        // Told already, or nobody is left to tell.
        case .open, .closed: break
        }
    }

    /// Goes as far as what has come allows.
    private func advance(_ context: ChannelHandlerContext) {
        do throws(TLSError) {
            if case .handshaking = state {
                let isDone = try engine.handshake()
                answer(context)
                guard isDone else { return }
                state = .open
                context.fireUserInboundEventTriggered(
                    TLSUserEvent.handshakeCompleted(negotiatedProtocol: engine.applicationProtocol))
                if wantsFlush { flush(context: context) }
            }
            try deliver(context)
            answer(context)
        } catch {
            answer(context)
            if isReading { endRead(context) }
            fail(error, context)
        }
    }

    /// Gives text to the handlers behind. They may write and close meanwhile.
    private func deliver(_ context: ChannelHandlerContext) throws(TLSError) {
        while state == .open || state == .closing, !hasPeerClosed, engine.hasInput {
            var text = context.channel.allocator.buffer(
                capacity: min(PendingWrites.record, max(512, engine.pendingInput, engine.pendingText)))
            var reading = TLSEngine.Reading.needsInput
            var failure: TLSError?
            text.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { memory in
                do throws(TLSError) { reading = try engine.read(into: memory) } catch { failure = error }
                if case .bytes(let count) = reading { return count }
                return 0
            }
            if let failure { throw failure }
            switch reading {
            case .needsInput: return
            case .closed: return peerClosed(context)
            case .bytes(let count):
                guard state == .open else {
                    // What comes after the end of our side has no reader.
                    ignored += count
                    if ignored > Self.mostIgnored { return finish(context) }
                    continue
                }
                wantsRead = false
                context.fireChannelRead(wrapInboundOut(text))
            }
        }
    }

    private func peerClosed(_ context: ChannelHandlerContext) {
        hasPeerClosed = true
        if state == .closing { return finish(context) }
        if isReading { mustTellOfEnd = true } else { tellOfEnd(context) }
    }

    private func tellOfEnd(_ context: ChannelHandlerContext) {
        if allowsHalfClosure {
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            close(context: context, mode: .all, promise: nil)
        }
    }

    private func fail(_ failure: TLSError, _ context: ChannelHandlerContext) {
        guard state != .closed else { return }
        let wasClosing = state == .closing
        state = .closed
        timer?.cancel()
        failWaiting(failure)
        // Our end is told already: how the peer takes it is nobody's business any more.
        if !wasClosing { context.fireErrorCaught(failure) }
        context.close(promise: closePromise)
        closePromise = nil
    }

    // MARK: Bytes to the peer

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let text = unwrapOutboundIn(data)
        let isOpen = state == .open || state == .handshaking
        guard isOpen, !isOutputClosed, state == .open || waiting.bytes <= Self.mostEarly else {
            promise?.fail(isOpen ? ChannelError.outputClosed : ChannelError.ioOnClosedChannel)
            return
        }
        waiting.append(text, promise)
    }

    package func flush(context: ChannelHandlerContext) {
        guard state == .open else {
            wantsFlush = true
            return context.flush()
        }
        wantsFlush = false
        do throws(TLSError) {
            try encrypt(context)
        } catch {
            fail(error, context)
        }
        context.flush()
    }

    /// What waits goes out, as one write.
    private func encrypt(_ context: ChannelHandlerContext) throws(TLSError) {
        guard !waiting.isEmpty else { return }
        let (texts, promise) = waiting.take(context.channel.allocator, context.eventLoop)
        do throws(TLSError) {
            for text in texts { try write(text) }
        } catch {
            promise?.fail(error)
            throw error
        }
        let bytes = output(context)
        // Of an empty text there is nothing, and who waits for it waits for what was written before.
        guard bytes != nil || promise != nil else { return }
        context.write(wrapOutboundOut(bytes ?? ByteBuffer()), promise: promise)
    }

    private func write(_ text: ByteBuffer) throws(TLSError) {
        var failure: TLSError?
        text.withUnsafeReadableBytes { bytes in
            do throws(TLSError) { try engine.write(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func output(_ context: ChannelHandlerContext) -> ByteBuffer? {
        return engine.takeOutput { context.channel.allocator.buffer(bytes: $0) }
    }

    /// Sends what the session itself has to say to what came: handshake, alerts, new keys.
    private func answer(_ context: ChannelHandlerContext) {
        guard let bytes = output(context) else { return }
        let count = bytes.readableBytes
        unread += count
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenComplete { _ in bound.value.unread -= count }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: sent)
        if unread > Self.mostUnread {
            fail(TLSError(.unread, words: "the peer does not read what it asks for"), context)
        }
    }

    // MARK: The end

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, state) {
        case (.input, _), (_, .closed): context.close(mode: mode, promise: promise)
        case (_, .handshaking):
            state = .closed
            failWaiting(ChannelError.ioOnClosedChannel)
            context.close(mode: .all, promise: promise)
        case (.output, .open) where !isOutputClosed:
            sayGoodbye(context)
            context.close(mode: .output, promise: promise)
        case (.output, _): promise?.fail(ChannelError.outputClosed)
        case (.all, .closing):
            if let closePromise {
                closePromise.futureResult.cascade(to: promise)
            } else {
                closePromise = promise
            }
        case (.all, .open):
            sayGoodbye(context)
            guard state == .open else { return context.close(promise: promise) }
            state = .closing
            closePromise = promise
            if hasPeerClosed || isInputClosed { return finish(context) }
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            timer = context.eventLoop.scheduleTask(in: patience) {
                let (handler, context) = bound.value
                handler.finish(context)
            }
        }
    }

    private func sayGoodbye(_ context: ChannelHandlerContext) {
        guard !isOutputClosed else { return }
        flush(context: context)
        guard state == .open else { return }
        isOutputClosed = true
        engine.close()
        answer(context)
    }

    private func finish(_ context: ChannelHandlerContext) {
        guard state == .closing else { return }
        state = .closed
        timer?.cancel()
        timer = nil
        let promise = closePromise
        closePromise = nil
        context.close(promise: promise)
    }
}
