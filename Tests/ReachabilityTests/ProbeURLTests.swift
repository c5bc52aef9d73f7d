// What is a webhook's URL and what is not.
import Reachability
import Testing

@Suite struct ProbeURLTests {
    struct Good: Sendable {
        var text: String
        var isTLS: Bool
        var host: String
        var port: UInt16
        var path: String
        var authority: String
    }

    @Test(arguments: [
        Good(
            text: "https://gate.example/webhooks/vsee", isTLS: true, host: "gate.example", port: 443,
            path: "/webhooks/vsee", authority: "gate.example"),
        Good(
            text: "https://gate.example:8443/a?b=c", isTLS: true, host: "gate.example", port: 8443,
            path: "/a?b=c", authority: "gate.example:8443"),
        Good(
            text: "http://10.0.0.5", isTLS: false, host: "10.0.0.5", port: 80, path: "/",
            authority: "10.0.0.5"),
        Good(
            text: "https://[2001:db8::1]:8443/x", isTLS: true, host: "2001:db8::1", port: 8443, path: "/x",
            authority: "[2001:db8::1]:8443"),
        Good(text: "https://[::1]?q", isTLS: true, host: "::1", port: 443, path: "/?q", authority: "[::1]"),
        Good(
            text: "https://a_b.example.:443/", isTLS: true, host: "a_b.example.", port: 443, path: "/",
            authority: "a_b.example."),
    ])
    func aURLIsReadPartByPart(_ good: Good) throws {
        let url = try ProbeURL(good.text)
        #expect(url.isTLS == good.isTLS)
        #expect(url.host == good.host)
        #expect(url.port == good.port)
        #expect(url.path == good.path)
        #expect(url.authority == good.authority)
    }

    @Test(arguments: [
        "", "gate.example/webhooks", "ftp://gate.example/", "HTTPS://", "https://", "https:///path",
        "https://user:secret@gate.example/", "https://gate.example:0/", "https://gate.example:65536/",
        "https://gate.example:/", "https://gate.example:+1/", "https://gate.example/#part",
        "https://2001:db8::1/", "https://[2001:db8::1/", "https://[10.0.0.5]/", "https://[::1]x/",
        "https://127.1/", "https://010.0.0.1/", "https://a..b/", "https://-a.example/", "https://a b/",
        "https://gate.example/\r\nX: y", "https://gäte.example/",
    ])
    func whatIsNoURLOfAListenerIsRefused(_ text: String) {
        #expect(throws: TargetError.self) { try ProbeURL(text) }
    }

    @Test func aRefusalNeverRepeatsTheSecretInIt() {
        #expect {
            try ProbeURL("https://user:hunter2@gate.example/")
        } throws: { error in
            !"\(error)".contains("hunter2")
        }
    }
}
