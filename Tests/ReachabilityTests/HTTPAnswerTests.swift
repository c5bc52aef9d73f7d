// The parser of HTTP answers: framing, limits, and whatever is not HTTP.
import Reachability
import Testing

@Suite struct HTTPAnswerTests {
    private func whole(_ text: String, closing: Bool = false) throws -> HTTPAnswer? {
        var parser = HTTPAnswerParser()
        if let answer = try parser.feed(Array(text.utf8)) { return answer }
        return closing ? parser.end() : nil
    }

    @Test func aBodyIsReadToItsEndWhateverItsFraming() throws {
        let length = try whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokrest")
        #expect(length?.body == Array("ok".utf8))
        let chunked = try whole(
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n"
        )
        #expect(chunked?.status == 403)
        #expect(chunked?.body == Array("ok!".utf8))
        let open = "HTTP/1.0 200 OK\r\n\r\nuntil the end"
        #expect(try whole(open) == nil)
        #expect(try whole(open, closing: true)?.body == Array("until the end".utf8))
        #expect(try whole("HTTP/1.1 204 No Content\r\n\r\n")?.status == 204)
    }

    @Test func fieldsAreFoundByLowerCaseNames() throws {
        let answer = try whole(
            "HTTP/1.1 503 Busy\r\nRetry-After:  30 \r\nX: a\r\nx: b\r\nContent-Length: 0\r\n\r\n")
        #expect(answer?["retry-after"] == "30")
        #expect(answer?["x"] == "a")
        #expect(answer?["server"] == nil)
    }

    @Test func aByteAtATimeIsTheSame() throws {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        var parser = HTTPAnswerParser()
        var answer: HTTPAnswer?
        for byte in text.utf8 { answer = try answer ?? parser.feed([byte]) }
        #expect(answer?.status == 200)
        #expect(answer?.body == Array("abc".utf8))
    }

    @Test func anEndInTheMiddleIsNoAnswer() throws {
        for text in [
            "", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        ] {
            #expect(try whole(text, closing: true) == nil)
        }
    }

    @Test(arguments: ["SSH-2.0-OpenSSH\r\n", "\u{15}\u{3}\u{1}", "HTTQ", "GET / HTTP/1.1\r\n"])
    func whatIsNoHTTPIsToldApart(_ text: String) {
        #expect(throws: HTTPAnswerError.notHTTP(Array(text.utf8))) { try whole(text) }
    }

    @Test(arguments: [
        "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nnocolon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    ])
    func brokenAnswersFail(_ text: String) {
        #expect(throws: HTTPAnswerError.self) { try whole(text) }
    }

    @Test func whatIsKeptIsBounded() throws {
        #expect(throws: HTTPAnswerError.self) {
            try whole("HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 20_000))
        }
        let long = try whole(
            "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "b", count: 100_000))
        #expect(long?.body.count == 65536)
        #expect(long?.isCut == true)
    }
}
