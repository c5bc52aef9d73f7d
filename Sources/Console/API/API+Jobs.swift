// What takes longer than an answer may: begun by one request, and asked for by others.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Management

extension API {
    func job(_ call: Call) throws -> Response {
        guard let caller = call.caller else { throw Problem.notFound }
        return Self.json(try jobs.job(call.parameters.text(.jobID), for: caller).json, for: call.request)
    }

    func verify(_ call: Call) async throws -> Response {
        let attribution = try await attribution(call)
        return begun(
            try jobs.verify(services.ledger, by: attribution, authority: services.authority, now: intake.now),
            call)
    }

    func report(_ call: Call) async throws -> Response {
        let example = "{\"since\": \"2026-10-01T00:00:00Z\", \"until\": \"2026-11-01T00:00:00Z\"}"
        let body = try await body(call, ["since", "until", "comment"], example: example)
        guard let since = body["since"].flatMap(Instant.init(rfc3339:)), since.isWritable,
            let until = body["until"].flatMap(Instant.init(rfc3339:)), until.isWritable
        else { throw Problem(.badRequest, "bad_body", "write \(example)") }
        return begun(
            try jobs.report(
                services.reports, since: since, until: until, by: call.attribution(body["comment"]),
                now: intake.now), call)
    }

    func probe(_ call: Call) async throws -> Response {
        let body = try await body(
            call, ["kind", "target", "comment"],
            example: "{\"kind\": \"webhook\", \"target\": \"https://gate.example/webhooks/vsee\"}")
        guard let kind = body["kind"], let target = body["target"] else {
            throw Problem(.badRequest, "bad_body", "say kind (webhook or sftp) and target")
        }
        return begun(
            try jobs.probe(
                kind, target, by: call.attribution(body["comment"]), authority: services.authority,
                now: intake.now), call)
    }

    func checkRules(_ call: Call) async throws -> Response {
        let attribution = try await attribution(call)
        return begun(
            try jobs.checkRules(
                services.rules, by: attribution, authority: services.authority, now: intake.now), call)
    }

    private func begun(_ job: Job, _ call: Call) -> Response {
        var response = Self.json(job.json, for: call.request)
        response.headers[.location] = "\(Self.root)/jobs/\(job.id)"
        return response
    }
}

extension Job {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "kind": .string(kind.rawValue), "title": .string(title), "by": .string(person),
            "began": .string(began.description), "state": .string(state),
            "lines": .array(
                lines.map { ["state": .string($0.state ?? "none"), "text": .string($0.text)] }),
        ]
        members["ended"] = ended.map { .string($0.description) }
        members["progress"] = progress.map { ["done": .int($0.done), "of": .int($0.of)] }
        members["failure"] = failure.map { .string($0) }
        if let result {
            members["good"] = .bool(result.isGood)
            members["summary"] = .string(result.summary)
            members["result"] = result.json
        }
        return .object(members)
    }
}
