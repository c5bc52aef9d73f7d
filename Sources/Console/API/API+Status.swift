// How the gate is, in one answer.
import Admission
import Hummingbird
import Intake
import JSON
import Management
import Settings

extension API {
    func status(_ call: Call) throws -> Response {
        var members = health.state(withReasons: true).members
        members["node"] = .string(services.settings.node)
        members["version"] = .string(Product.version)
        members["entries"] = .int(try services.attempts().last() + 1)
        members["policy"] = .string(intake.policy.version)
        return Self.json(.object(members), for: call.request)
    }
}
