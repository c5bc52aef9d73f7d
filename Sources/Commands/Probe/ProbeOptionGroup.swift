// Options that all probes share: from where and how to call, how often, how patiently, and in which form to answer.
import ArgumentParser
import Reachability
import Settings

enum ProbeFormat: String, ExpressibleByArgument, CaseIterable { case text, json, nagios }

extension ProxyProtocolVersion: ExpressibleByArgument {}

/// A time to wait: a whole number with ms, s, m or h.
struct ProbeDuration: ExpressibleByArgument, Sendable {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        if argument.hasSuffix("ms") {
            guard let number = Int64(argument.dropLast(2)), number >= 0 else { return nil }
            duration = .milliseconds(number)
        } else {
            guard let duration = Quantity.duration(argument) else { return nil }
            self.duration = duration
        }
    }

    var defaultValueDescription: String { Quantity.text(duration: duration) }

    static let help = "a whole number with ms, s, m or h"
    /// Between two probes or rounds: whoever writes a longer one has mistaken the unit.
    static let longestPause = Duration.seconds(7 * 86_400)
}

struct ProbeOptionGroup: ParsableArguments {
    @Option(help: ArgumentHelp("Call from this address of this machine.", valueName: "address"))
    var source: String?

    @Option(
        help: ArgumentHelp(
            "Begin with a PROXY header, as a load balancer does: v1 or v2.", valueName: "version"))
    var proxyProtocol: ProxyProtocolVersion?

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp(
            "The source that the PROXY header names. Default: this machine's address.", valueName: "ip"))
    var proxiedSource: String?

    @Option(help: ArgumentHelp("How long each step may take: \(ProbeDuration.help).", valueName: "time"))
    var timeout = ProbeDuration(.seconds(10))

    @Option(help: ArgumentHelp("Warn when a step takes longer than this.", valueName: "time"))
    var slow = ProbeDuration(.seconds(2))

    @Option(help: ArgumentHelp("How many times to probe.", valueName: "number"))
    var count = 1

    @Option(help: ArgumentHelp("How long to wait between probes.", valueName: "time"))
    var interval = ProbeDuration(.seconds(1))

    @Option(help: "text for people, json (one object per probe) for programs, nagios for monitoring plugins.")
    var format: ProbeFormat = .text

    func validate() throws {
        if proxiedSource != nil, proxyProtocol == nil {
            throw ValidationError(
                "--as sets the source in a PROXY header: give --proxy-protocol v1 or v2, too")
        }
        guard (1...1_000_000).contains(count) else {
            throw ValidationError("--count: give a number from 1 to 1000000")
        }
        guard timeout.duration > .zero, timeout.duration <= .seconds(3600) else {
            throw ValidationError("--timeout: give more than 0 and at most 1h")
        }
        guard interval.duration <= ProbeDuration.longestPause else {
            throw ValidationError(
                "--interval: at most \(Quantity.text(duration: ProbeDuration.longestPause))")
        }
        _ = try options()
    }

    func options() throws -> ProbeOptions {
        ProbeOptions(
            source: try source.map(ArgumentText.address), proxyProtocol: proxyProtocol,
            proxiedSource: try proxiedSource.map(ArgumentText.address), timeout: timeout.duration,
            slow: slow.duration, count: count, interval: interval.duration)
    }
}
