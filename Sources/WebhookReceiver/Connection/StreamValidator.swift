// First in an HTTP/2 stream's pipeline: judges whether its request is well-formed. The library's own judgement would
// reset the stream without an answer, and is off (`GateChannel.addHTTP2`). It never touches the connection.
import Admission
import NIOCore
import NIOHPACK
import NIOHTTP2

final class StreamValidator: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum Stage {
        case header
        /// Bytes of the body so far, and bytes that were announced.
        case body(received: Int, announced: Int?)
        /// Malformed, and that has been said.
        case refused
    }

    private var stage = Stage.header

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(var frame):
            if case .header = stage {
                frame.headers = begin(frame, context)
            } else {
                end(RequestBlock.fault(inTrailers: frame.headers), context)
            }
            context.fireChannelRead(wrapInboundOut(.headers(frame)))
        case .data(let frame):
            count(frame.data.readableBytes, endStream: frame.endStream, context)
            context.fireChannelRead(data)
        default: context.fireChannelRead(data)
        }
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?
    ) {
        guard event is StreamRefusal else { return context.triggerUserOutboundEvent(event, promise: promise) }
        context.writeAndFlush(wrapOutboundOut(.rstStream(.refusedStream)), promise: promise)
    }

    private func begin(
        _ frame: HTTP2Frame.FramePayload.Headers, _ context: ChannelHandlerContext
    ) -> HPACKHeaders {
        let block = RequestBlock(frame.headers)
        stage = .body(received: 0, announced: block.length)
        var fault = block.fault
        if frame.endStream, let length = block.length, length > 0 {
            fault = fault ?? Self.tooFew(0, of: length)
        }
        if let fault {
            stage = .refused
            context.fireUserInboundEventTriggered(RequestError(fault))
        }
        return block.headers
    }

    /// RFC 9113, 8.1.1: the bytes of all DATA frames are those that content-length announced.
    private func count(_ bytes: Int, endStream: Bool, _ context: ChannelHandlerContext) {
        guard case .body(let before, let announced) = stage else { return }
        let received = before + bytes
        stage = .body(received: received, announced: announced)
        if let announced, received > announced {
            refuse("the body has more bytes than the \(announced) that were announced", context)
        } else if endStream {
            end(nil, context)
        }
    }

    /// The request ends here. What was found must be known before its end is.
    private func end(_ fault: String?, _ context: ChannelHandlerContext) {
        guard case .body(let received, let announced) = stage else { return }
        if let announced, received < announced {
            refuse(Self.tooFew(received, of: announced), context)
        } else if let fault {
            refuse(fault, context)
        }
    }

    private func refuse(_ fault: String, _ context: ChannelHandlerContext) {
        stage = .refused
        context.fireErrorCaught(RequestError(fault))
    }

    private static func tooFew(_ received: Int, of announced: Int) -> String {
        "the body ends after \(received) of \(Counted.bytes(announced)) that the caller announced"
    }
}
