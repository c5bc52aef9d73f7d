// How a report is told: verdict, JSON, and the line for monitoring plugins.
import Admission
import JSON
import Ledger
import Reachability
import Testing

@Suite struct ProbeReportTests {
    private let warning = Diagnosis(.slow, .warning, means: "slow: a | b", next: "look\nthere")
    private let fault = Diagnosis(.tlsName, means: "the certificate is for another", next: "use its name")

    private func report(_ findings: [Diagnosis]) -> ProbeReport {
        ProbeReport(
            kind: "webhook", target: "https://gate.example/", started: Instant(microseconds: 0),
            duration: .milliseconds(1234),
            steps: [
                ProbeStep(
                    name: "resolve", outcome: .ok, duration: .microseconds(1500),
                    facts: [.init("address", "10.0.0.5"), .init("address", "::1")]),
                ProbeStep(name: "request", outcome: .skipped, duration: .zero),
            ], findings: findings, answer: ["status": 200], summary: "let in")
    }

    @Test func aCriticalFindingComesFirst() {
        #expect(report([]).verdict == .ok)
        #expect(report([warning]).verdict == .warning)
        #expect(report([warning, fault]).verdict == .critical)
        #expect(report([warning, fault]).diagnosis == fault)
    }

    @Test func theLineOfAPlugin() {
        let data = " | time=1.234000s;;;0 resolve=0.001500s;;;0"
        #expect(report([]).pluginLine() == "WEBHOOK OK - https://gate.example/: let in" + data)
        #expect(
            report([warning]).pluginLine()
                == "WEBHOOK WARNING - https://gate.example/: slow: slow: a / b; look there" + data)
        var all = ProbeTally()
        all.add(report([]))
        all.add(report([fault]))
        #expect(
            report([fault]).pluginLine(of: all)
                == "WEBHOOK CRITICAL - https://gate.example/: 2 probes, 1 with findings, tls_name: "
                + "the certificate is for another; use its name" + data)
        #expect(PluginLine.write("sftp", .unknown, "no file") == "SFTP UNKNOWN - no file")
    }

    @Test func jsonHasTheSameShapeAlways() throws {
        let json = report([warning, fault]).json
        #expect(json["probe"] == "webhook")
        #expect(json["verdict"] == "critical")
        #expect(json["time_us"] == 1_234_000)
        #expect(json["started"] == "1970-01-01T00:00:00.000000Z")
        #expect(json["diagnosis"]?["code"] == "tls_name")
        #expect(json["findings"]?.array?.map { $0["severity"] } == ["warning", "critical"])
        #expect(
            json["steps"]?.array?.first == [
                "name": "resolve", "outcome": "ok", "time_us": 1500,
                "facts": [
                    ["name": "address", "value": "10.0.0.5"], ["name": "address", "value": "::1"],
                ],
            ])
        #expect(report([]).json["diagnosis"] == nil)
        #expect(report([]).json["findings"] == [])
        #expect(try JSONValue(parsing: CanonicalJSON.encode(json)) == json)
    }

    @Test func theWorstIsKeptHoweverManyFollow() {
        var tally = ProbeTally(sample: 3)
        for findings in [[], [fault], [warning]] { tally.add(report(findings)) }
        for _ in 0..<10 { tally.add(report([Diagnosis(.slow, means: "m", next: "n")])) }
        tally.add(report([]))
        #expect(tally.worst?.diagnosis == fault)
        #expect(tally.count == 14)
        #expect(tally.withFindings == 12)
        #expect(tally.failed == 11)
        #expect(tally.median == .milliseconds(1234))
        #expect(tally.fastest == tally.slowest)
    }

    @Test func codesAreWordsForPrograms() {
        for code in Diagnosis.Code.allCases {
            #expect(code.rawValue.allSatisfy { $0.isLowercase || $0 == "_" })
        }
    }
}
