// Whether what is shown to the console stays between it and whoever shows it.
import Admission
import Reachability
import Settings

enum ConsoleCheck {
    static func findings(_ settings: ConsoleSettings?) -> [Finding] {
        guard let console = settings, console.tls == nil, !console.listen.ip.isLoopback else { return [] }
        return [
            Finding(
                "console", .warn,
                "the console on \(console.listen) speaks HTTP without TLS: tokens and sessions can be read in transit",
                fix:
                    "give it console.tls, or let it listen on 127.0.0.1 and go through a tunnel or a proxy with TLS"
            )
        ]
    }
}
