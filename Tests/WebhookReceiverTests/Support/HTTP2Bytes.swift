// HTTP/2 in bytes, for what no library would send: frames made by hand go through `openssl s_client`, and what the gate
// answers is taken apart again.
import Foundation
import Support

@testable import WebhookReceiver

struct HTTP2Frame: Equatable {
    var type: UInt8
    var flags: UInt8
    var stream: UInt8
    var payload: [UInt8]

    /// One after the other; a rest that is no whole frame is left out.
    static func all(in bytes: [UInt8]) -> [HTTP2Frame] {
        var frames: [HTTP2Frame] = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let start = rest.startIndex
            let count = rest[start..<(start + 3)].reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 9 + count else { break }
            frames.append(
                HTTP2Frame(
                    type: rest[start + 3], flags: rest[start + 4], stream: rest[start + 8],
                    payload: Array(rest[(start + 9)..<(start + 9 + count)])))
            rest = rest.dropFirst(9 + count)
        }
        return frames
    }
}

extension [HTTP2Frame] {
    /// 200 and 400, which are one byte each in the static table (RFC 7541, A); 0 for anything else.
    func status(of stream: UInt8) -> Int {
        switch first(where: { $0.type == 1 && $0.stream == stream })?.payload.first {
        case 0x88: 200
        case 0x8C: 400
        default: 0
        }
    }

    /// The code with which a stream was reset.
    func reset(of stream: UInt8) -> UInt8? { first { $0.type == 3 && $0.stream == stream }?.payload.last }
}

protocol SpeaksHTTP2 {}

extension SpeaksHTTP2 {
    static var preface: [UInt8] { Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) }
    static var settings: [UInt8] { frame(type: 4, flags: 0, stream: 0, []) }

    static func frame(type: UInt8, flags: UInt8, stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        return [
            UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags, 0, 0, 0,
            stream,
        ]
            + payload
    }

    static func data(_ text: String, stream: UInt8, ends: Bool) -> [UInt8] {
        frame(type: 0, flags: ends ? 1 : 0, stream: stream, Array(text.utf8))
    }

    /// A header block of literals without Huffman coding (RFC 7541, 6.2.2); names and values of less than 127 bytes.
    static func head(_ fields: [(String, String)], stream: UInt8, ends: Bool) -> [UInt8] {
        var block: [UInt8] = []
        for (name, value) in fields {
            block += [0, UInt8(name.utf8.count)] + Array(name.utf8)
            block += [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        return frame(type: 1, flags: ends ? 5 : 4, stream: stream, block)
    }

    private static func request(_ method: String, _ path: String) -> [(String, String)] {
        [(":method", method), (":scheme", "https"), (":path", path), (":authority", "a")]
    }

    static func get(_ path: String, stream: UInt8 = 1) -> [UInt8] {
        head(request("GET", path), stream: stream, ends: true)
    }

    /// Its body follows.
    static func post(_ path: String, stream: UInt8 = 1, _ more: [(String, String)] = []) -> [UInt8] {
        head(request("POST", path) + more, stream: stream, ends: false)
    }

    /// Sends bytes over TLS and stays until the gate closes. Returns what the gate sent.
    @discardableResult
    func talk(_ gate: LiveGate, _ bytes: [UInt8]) async throws -> [HTTP2Frame] {
        let out = gate.directory.file("answers-\(UUID().uuidString)")
        let client =
            "exec timeout 15 openssl s_client -quiet -alpn h2 -bind \(LiveGate.listed):0 "
            + "-connect 127.0.0.1:\(gate.port) >\(out)"
        try await Shell.run(["sh", "-c", client], input: bytes)
        return HTTP2Frame.all(in: [UInt8](try Data(contentsOf: URL(filePath: out))))
    }
}
