// What is added up and asked for, as /metrics shows it.
import CoreMetrics
import Dispatch
import Testing

@testable import Metering

@Suite struct MetricRegistryTests {
    private let registry = MetricRegistry()

    @Test func figuresComeByNameWithHelpAndKind() {
        registry.add("b_bytes", "Bytes of\nb\\.") { [.init(1.5, labels: [("name", "a\"b\\c\nd")])] }
        registry.counter("a_total", "What came.").increment(by: 3)
        #expect(
            registry.text == """
                # HELP a_total What came.
                # TYPE a_total counter
                a_total 3
                # HELP b_bytes Bytes of\\nb\\\\.
                # TYPE b_bytes gauge
                b_bytes{name="a\\"b\\\\c\\nd"} 1.5

                """)
    }

    /// A quotation mark with a combining mark behind it is one character.
    @Test func labelsAreEscapedByScalars() {
        registry.add("b", "B\\\u{301}.") { [.init(1, labels: [("name", "\"\u{301}\\\u{301}\r\n")])] }
        #expect(
            registry.text.utf8.elementsEqual(
                "# HELP b B\\\\\u{301}.\n# TYPE b gauge\nb{name=\"\\\"\u{301}\\\\\u{301}\r\\n\"} 1\n".utf8))
    }

    @Test func partsOfTheGateAnswerUnderOneNameAndOneThatIsMadeAgainTakesItsPlace() {
        for (part, value) in [("webhook", 1), ("console", 2), ("webhook", 3)] {
            registry.add("end_seconds", "Ends.", part: part) { [.init(value, labels: [("listener", part)])] }
        }
        #expect(
            registry.text == """
                # HELP end_seconds Ends.
                # TYPE end_seconds gauge
                end_seconds{listener="console"} 2
                end_seconds{listener="webhook"} 3

                """)
    }

    @Test func aHistogramCountsEachValueInItsBucketAndAllAboveIt() {
        let recorder = registry.recorder("sizes", "Sizes.", bounds: [1, 2, 4])
        for value in [0, 1, 2, 3, 4, 5] as [Int64] { recorder.record(value) }
        #expect(
            registry.text == """
                # HELP sizes Sizes.
                # TYPE sizes histogram
                sizes_bucket{le="1"} 2
                sizes_bucket{le="2"} 3
                sizes_bucket{le="4"} 5
                sizes_bucket{le="+Inf"} 6
                sizes_sum 15
                sizes_count 6

                """)
    }

    @Test func durationsAreInSeconds() {
        registry.timer("a_seconds", "Times.", labels: [("code", "2xx")], bounds: [0.001, 1])
            .recordNanoseconds(250_000_000)
        #expect(registry.text.contains("a_seconds_bucket{code=\"2xx\",le=\"0.001\"} 0\n"))
        #expect(registry.text.contains("a_seconds_bucket{code=\"2xx\",le=\"1\"} 1\n"))
        #expect(registry.text.contains("a_seconds_sum{code=\"2xx\"} 0.25\n"))
    }

    @Test func theSameNameAndLabelsAreOneFigure() {
        for code in ["a", "b", "a"] {
            registry.counter("a_total", "All.", labels: [("code", code)]).increment()
        }
        #expect(registry.text.contains("a_total{code=\"a\"} 2\na_total{code=\"b\"} 1\n"))
    }

    @Test func whatIsDestroyedIsNotShown() {
        registry.counter("a_total", "All.", labels: [("code", "b")]).increment()
        let counter = registry.counter("a_total", "All.", labels: [("code", "a")])
        counter.destroy()
        #expect(!registry.text.contains("code=\"a\"") && registry.text.contains("code=\"b\""))
    }

    /// Two kinds under one name would make the whole text invalid.
    @Test func aNameKeepsTheKindThatItHadFirst() {
        registry.counter("a", "Counted.").increment()
        registry.timer("a", "Measured.").recordNanoseconds(1)
        #expect(registry.text == "# HELP a Counted.\n# TYPE a counter\na 1\n")
    }

    @Test func aLibrarysFiguresGetNamesThatTheFormatAllows() {
        Counter(label: "http.requests-seen", dimensions: [("content-type", "x")], factory: registry)
            .increment()
        Gauge(label: "1st", factory: registry).record(2)
        #expect(registry.text.contains("http_requests_seen{content_type=\"x\"} 1\n"))
        #expect(registry.text.contains("# TYPE _1st gauge\n_1st 2\n"))
    }

    @Test(
        arguments: [
            (0, "0"), (-1, "-1"), (0.5, "0.5"), (1e15, "1000000000000000"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"),
            (.nan, "NaN"), (9_007_199_254_740_992, "9007199254740992"),
        ] as [(Double, String)])
    func numbersAreWhatPrometheusReads(_ value: Double, _ text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    @Test func countersStopAtTheLargestNumberAndNeverGoDown() {
        let cell = CounterCell()
        cell.increment(by: .max)
        cell.increment(by: 7)
        cell.increment(by: -7)
        #expect(cell.samples("a", []) == "a \(PrometheusText.number(Double(Int64.max)))\n")
    }

    @Test func nothingIsLostWhenManyThreadsAdd() {
        let counter = registry.counter("a_total", "All.")
        let timer = registry.timer("a_seconds", "Times.", bounds: [1])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<10_000 {
                counter.increment()
                timer.recordNanoseconds(1_000_000_000)
            }
        }
        #expect(registry.text.contains("a_total 80000\n"))
        #expect(registry.text.contains("a_seconds_sum 80000\na_seconds_count 80000\n"))
    }
}
