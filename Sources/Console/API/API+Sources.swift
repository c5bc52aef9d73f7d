// Who may call in: the source lists, and what they decide on an address.
import Admission
import Hummingbird
import Intake
import JSON
import Management

extension API {
    func sources(_ call: Call) throws -> Response {
        try call.parameters.end()
        let now = intake.now
        return Self.json(try services.sources.lists(now: now).listing(at: now), for: call.request)
    }

    /// What the lists decide on an address, now or at a moment that is over, on each channel.
    func explain(_ call: Call) throws -> Response {
        var parameters = call.parameters
        var question = SourceQuestion()
        question.ip = try parameters.address("ip")
        let asked: Set<Channel> = try parameters.words("channel", ["webhook", "sftp"]) {
            Channel(rawValue: $0).flatMap { $0 == .console ? nil : $0 }
        }
        let moment = try parameters.instant("at")
        try parameters.end()
        guard question.ip != nil else { throw Problem.badParameter("ip", "say which address calls") }
        let channels = [Channel.webhook, .sftp].filter { asked.isEmpty || asked.contains($0) }
        let explanation = try services.sources.explain(question, on: channels, at: moment, now: intake.now)
        return Self.json(["items": explanation.json(channels: channels)], for: call.request)
    }
}
