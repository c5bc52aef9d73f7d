// Who may call in: the source lists, and what they decide on an address.
import Admission
import Hummingbird
import Intake
import JSON
import Management
import Settings

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

    /// What a list would come to, if its file had another text.
    func preview(_ call: Call) async throws -> Response {
        let body = try await body(
            call, ["list", "text"], example: "{\"list\": \"vsee-qatar\", \"text\": \"name: …\"}",
            most: Self.longestList)
        guard let text = body["text"] else {
            throw Problem(.badRequest, "bad_body", "text is what the list's file would hold")
        }
        do {
            let file = try services.sources.file(ofList: body["list"])
            let preview = try services.sources.preview(of: [file: text], file: file, now: intake.now)
            return Self.json(preview.json, for: call.request)
        } catch let error as SettingsErrors {
            throw Problem(
                .unprocessableContent, "unprocessable", error.problems.map { "\($0)" }.joined(separator: "; ")
            )
        } catch let error as ManagementError where error.code == .invalid {
            throw Problem(.unprocessableContent, "unprocessable", error.description)
        }
    }
}
