// Style and script of the pages, which the program carries. They are nobody's secret.
import HTTPTypes
import Hummingbird
import NIOCore
import TLS

struct Asset: Sendable {
    private let body: [UInt8]
    private let type: String
    private let tag: String

    private init(_ body: [UInt8], _ type: String) {
        self.body = body
        self.type = type
        tag = "\"\(SHA256.hash(data: body).hex.prefix(32))\""
    }

    /// By their paths, without the first slash.
    static let all: [String: Asset] = [
        "assets/console.css": Asset(PackageResources.console_css, "text/css; charset=utf-8"),
        "assets/console.js": Asset(PackageResources.console_js, "text/javascript; charset=utf-8"),
        "assets/icon.svg": Asset(PackageResources.icon_svg, "image/svg+xml"),
    ]

    func response(to request: Request) throws(Problem) -> Response {
        guard request.method == .get || request.method == .head else { throw .notAllowed("GET, HEAD") }
        let headers: HTTPFields = [.eTag: tag, .cacheControl: "no-cache"]
        guard request.headers[.ifNoneMatch] != tag else {
            return Response(status: .notModified, headers: headers)
        }
        return Response(
            status: .ok, headers: headers + [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension HTTPFields {
    fileprivate static func + (fields: HTTPFields, more: HTTPFields) -> HTTPFields {
        var all = fields
        for field in more { all[field.name] = field.value }
        return all
    }
}
