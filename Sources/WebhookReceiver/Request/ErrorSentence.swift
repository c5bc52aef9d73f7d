// What errors of the libraries mean, in sentences for the ledger: the one place that knows their names.
import Admission
import NIOCore
import NIOHTTP1
import NIOHTTP2
import TLS

enum ErrorSentence {
    /// Printable and bounded, whatever the error holds.
    static func of(_ error: any Error) -> String {
        switch error {
        case let error as RequestError: error.sentence
        case let error as HTTPParserError: sentence(error)
        case is NIOHTTPDecoderError: "the header is not one of HTTP/1.1"
        case let error as NIOHTTP2Errors.StreamError: of(error.baseError)
        case let error as any NIOHTTP2Error: sentence(error)
        case let error as TLSError: UntrustedText.head(error.words, limit: 200)
        case is IOError, is ChannelError: "the connection broke"
        default: "the bytes are not HTTP"
        }
    }

    private static func sentence(_ error: HTTPParserError) -> String {
        switch error {
        case .headerOverflow: "the header is too long, or has too many fields"
        case .invalidEOFState, .closedConnection: "the connection ended within the request"
        case .invalidVersion: "the version of HTTP is not 1.0 or 1.1"
        case .invalidMethod: "the request does not begin with a method"
        case .invalidURL: "the request target is not valid"
        case .invalidHeaderToken: "a field name or value with a character that it may not have"
        case .invalidContentLength: "content-length is not a number, or comes twice"
        case .unexpectedContentLength: "content-length beside transfer-encoding"
        case .invalidChunkSize: "the length of a chunk is not a number"
        case .lfExpected, .strictModeAssertion: "a line does not end as it must"
        default: "the bytes are not HTTP/1.1"
        }
    }

    private static func sentence(_ error: any NIOHTTP2Error) -> String {
        switch error {
        case let error as NIOHTTP2Errors.StreamClosed: "the stream was reset: \(name(error.errorCode))"
        case is NIOHTTP2Errors.BadClientMagic, is NIOHTTP2Errors.MissingPreface:
            "the connection does not begin as one of HTTP/2"
        case is NIOHTTP2Errors.UnableToParseFrame: "a frame is malformed"
        case is NIOHTTP2Errors.NoSuchStream, is NIOHTTP2Errors.InvalidStreamIDForPeer,
            is NIOHTTP2Errors.StreamIDTooSmall:
            "a frame of a stream that there is not"
        case is NIOHTTP2Errors.BadStreamStateTransition: "a frame behind the end of its stream"
        case is NIOHTTP2Errors.TrailersWithoutEndStream: "trailers that do not end the request"
        case is NIOHTTP2Errors.FlowControlViolation, is NIOHTTP2Errors.InvalidFlowControlWindowSize,
            is NIOHTTP2Errors.InvalidWindowIncrementSize:
            "more bytes than flow control allows"
        case is NIOHTTP2Errors.MaxStreamsViolation: "more streams at once than were allowed"
        case is NIOHTTP2Errors.InvalidSetting, is NIOHTTP2Errors.ReceivedBadSettings:
            "settings that HTTP/2 does not allow"
        case is NIOHTTP2Errors.ExcessivelyLargeHeaderBlock, is NIOHTTP2Errors.ExcessiveContinuationFrames:
            "the header is too long"
        case is NIOHTTP2Errors.ExcessiveRSTFrames: "too many streams were reset"
        case is NIOHTTP2Errors.ExcessiveControlFrames, is NIOHTTP2Errors.ExcessiveOutboundFrameBuffering:
            "too many control frames"
        case is NIOHTTP2Errors.ExcessiveEmptyDataFrames: "too many empty frames"
        case is NIOHTTP2Errors.ExcessiveStreamErrors, is NIOHTTP2Errors.ExcessiveNumberOfGlitches:
            "too many streams with errors"
        default: "the frames are not HTTP/2"
        }
    }

    /// RFC 9113, 7.
    private static func name(_ code: HTTP2ErrorCode) -> String {
        switch code {
        case .noError: "no error"
        case .protocolError: "protocol error"
        case .internalError: "internal error"
        case .flowControlError: "flow control error"
        case .streamClosed: "stream closed"
        case .frameSizeError: "frame size error"
        case .refusedStream: "refused stream"
        case .cancel: "cancel"
        case .enhanceYourCalm: "enhance your calm"
        default: "code \(code.networkCode)"
        }
    }
}
