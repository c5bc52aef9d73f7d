// Stands behind TLS: records a failed handshake, and after a good one has the pipeline for the negotiated protocol
// built. It takes no part in the handshake itself.
import Admission
import JSON
import ListenerTLS
import Logging
import NIOCore
import NIOTLS
import TLS

final class HandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: Connection
    private let tls: TLSEngine
    private var isComplete = false
    /// Adds the handlers for the protocol that ALPN chose ("h2" or another).
    private let proceed: (String?) throws -> Void

    init(_ connection: Connection, tls: TLSEngine, proceed: @escaping (String?) throws -> Void) {
        self.connection = connection
        self.tls = tls
        self.proceed = proceed
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if !isComplete, case .handshakeCompleted(let negotiated) = event as? TLSUserEvent {
            isComplete = true
            connection.tls = TLSFacts(tls)
            if let failure = tls.faultOfResumption() {
                connection.note(.tlsFailed, detail: failure.detail)
                return context.close(promise: nil)
            }
            do {
                try proceed(negotiated)
            } catch {
                connection.listener.logger.error(
                    "cannot serve a connection: \(ConnectionTrouble.words(error))")
                return context.close(promise: nil)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isComplete else { return context.fireErrorCaught(error) }
        // Checks of a balancer end as it likes, with a reset too.
        let hasGone = (error as? TLSError)?.cause == .closedInHandshake || error is IOError
        if hasGone, connection.isLookOfProxy {
            connection.dismiss()
        } else {
            connection.note(
                .tlsFailed,
                detail: (error as? TLSError)?.detail ?? ["error": .string(ErrorSentence.of(error))])
        }
        context.close(promise: nil)
    }
}
