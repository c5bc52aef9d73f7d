// `tls-fuzz [RECORDS [SEED]]`: mutated records through the TLS engine. For the address sanitizer:
//
//     swift build -c release --sanitize=address --scratch-path .build/asan --product tls-fuzz
//     .build/asan/release/tls-fuzz 1000000
import Support
import TLSSupport

@main struct Main {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        let wanted = Int(arguments.first ?? 100_000)
        let seed = arguments.dropFirst().first ?? UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        var fuzzer = try RecordFuzzer(SplitMix(seed: seed))
        var next = 100_000
        while fuzzer.records < wanted {
            try fuzzer.run()
            if fuzzer.records >= next {
                print(
                    "\(fuzzer.records) records, \(fuzzer.failures) sessions failed, \(fuzzer.survived) did not"
                )
                next += 100_000
            }
        }
        print(
            "\(fuzzer.records) records, \(fuzzer.failures) sessions failed, \(fuzzer.survived) did not: no finding"
        )
    }
}
