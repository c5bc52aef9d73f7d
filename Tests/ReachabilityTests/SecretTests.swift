// What a probe sends in secret is neither printed when a server echoes it nor sent in the clear unasked.
import JSON
import Ledger
import Settings
import Testing

@testable import Reachability

@Suite struct SecretTests {
    private func probe(_ url: String) throws -> WebhookProbe {
        var probe = WebhookProbe(url: try ProbeURL(url), request: .event(.v2), userAgent: "test")
        probe.pathSecret = Secret(Array("p<th\"s3cret".utf8))
        probe.basic = ("vsee", Secret(Array("hunter2".utf8)))
        probe.fields = [.init(name: "X-Token", value: "Bearer tok3n-of-mine"), .init(name: "X", value: "a")]
        return probe
    }

    @Test(arguments: [
        "/x/p<th\"s3cret/y", "p%3Cth%22s3cret", "p%3cth%22s3cret", "p&lt;th&quot;s3cret", "p<th\\\"s3cret",
        "hunter2",
        "Basic dnNlZTpodW50ZXIy", "Bearer tok3n-of-mine", "tok3n-of-mine", "q=query-s3cret", "cut p<th",
    ])
    func everyEchoIsStruck(_ echo: String) throws {
        let scrubber = try probe("https://h/?q=query-s3cret").scrubber
        let clean = scrubber.text(echo)
        #expect(clean.contains("(secret)"))
        for secret in ["s3cret", "hunter2", "dnNl", "tok3n", "p<th"] { #expect(!clean.contains(secret)) }
    }

    @Test func ordinaryWordsStay() throws {
        let scrubber = try probe("https://h/?a=b").scrubber
        #expect(scrubber.text("a Bearer of bad news, b") == "a Bearer of bad news, b")
        #expect(SecretScrubber([[]]).text("all") == "all")
    }

    @Test func anAnswerIsScrubbed() throws {
        let scrubber = try probe("https://h/").scrubber
        let answer = HTTPAnswer(
            status: 301, fields: [("location", "https://other/p%3Cth%22s3cret")],
            body: Array("no hunter2".utf8)
        ).scrubbed(by: scrubber)
        #expect(answer["location"] == "https://other/(secret)")
        #expect(answer.body == Array("no (secret)".utf8))
        #expect(Diagnosis.answer(answer, reference: nil)?.means.contains("s3cret") == false)
    }

    @Test func jsonOfOthersStaysOut() throws {
        let scrubber = try probe("https://h/").scrubber
        func gate(_ text: String) -> GateAnswer? { GateAnswer(Array(text.utf8), scrubber) }
        #expect(try #require(gate(#"{"path":"x"}"#)).shown == nil)
        #expect(try #require(gate(#"{"error":"e","id":"i","path":"x"}"#)).shown == nil)
        #expect(try #require(gate(#"{"error":"e","id":"i"}"#)).shown == ["error": "e", "id": "i"])
        let whole = gate(#"{"verdict":"accepted","policy":"p","address_mode":"d","x":"h\u0075nter2"}"#)
        #expect(whole?.shown?["x"] == "(secret)")
        #expect(whole?.isDropgate == true)
    }

    @Test func nothingSecretGoesInTheClear() throws {
        var clear = try probe("http://h/")
        #expect(clear.secretInClear?.severity == .critical)
        clear.isInsecure = true
        #expect(clear.secretInClear?.severity == .warning)
        #expect(try probe("https://h/").secretInClear == nil)
        clear.pathSecret = nil
        clear.basic = nil
        #expect(clear.secretInClear == nil)
        clear.fields = [.init(name: "authorization", value: "x")]
        #expect(clear.secretInClear?.code == .secretInClear)
    }
}
