// Who may call in: the source lists, and what they decide on an address.
import Admission
import Hummingbird
import Intake
import JSON
import Management

extension API {
    func sources(_ call: Call) throws -> Response {
        let now = intake.now
        return Self.json(try services.sources.lists(now: now).listing(at: now), for: call.request)
    }

    /// What the lists decide on an address, now or at a moment that is over, on each channel.
    func explain(_ call: Call) throws -> Response {
        var question = SourceQuestion()
        question.ip = try call.parameters.address(.ip)
        let asked = try call.parameters.words(.listedChannel, Channel.init)
        let channels = [Channel.webhook, .sftp].filter { asked.isEmpty || asked.contains($0) }
        let explanation = try services.sources.explain(
            question, on: channels, at: call.parameters.time(.at), now: intake.now)
        return Self.json(["items": explanation.json(channels: channels)], for: call.request)
    }
}
