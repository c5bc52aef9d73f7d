// First in an HTTP/2 stream's pipeline: a request without `:authority` is one all the same (RFC 9113, 8.3.1; HAProxy
// sends such). The codec behind wants it, so Host takes its place, or an empty one.
import NIOCore
import NIOHPACK
import NIOHTTP2

final class AuthorityHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    private var isFirst = true

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isFirst, case .headers(var frame) = unwrapInboundIn(data) else {
            return context.fireChannelRead(data)
        }
        isFirst = false
        if !frame.headers.contains(name: ":authority") {
            let hosts = frame.headers["host"]
            var headers = HPACKHeaders()
            // Several are left for the judgement of the request.
            headers.add(name: ":authority", value: hosts.count == 1 ? hosts[0] : "")
            for (name, value, indexable) in frame.headers where name != "host" || hosts.count > 1 {
                headers.add(name: name, value: value, indexing: indexable)
            }
            frame.headers = headers
        }
        context.fireChannelRead(wrapInboundOut(.headers(frame)))
    }
}
