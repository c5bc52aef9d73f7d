// Hands fetched drops over to this gate: to the running one over its control socket, because it alone writes the
// ledger; without one the gate's inside is opened here.
import Admission
import Intake
import Ledger
import Settings
import Staging

struct Adopter {
    private let inside: GateInside

    /// Throws `LedgerError`, `.locked` when a gate runs that does not answer.
    init(_ settings: GateSettings) async throws { inside = try await GateInside(settings) }

    /// How the drop stands in this gate's ledger. Throws `IntakeError`, as everything here.
    func standing(ofDrop id: String) async throws -> DropStanding {
        let control: ControlClient
        switch inside {
        case .own(let intake): return try intake.standing(ofDrop: id)
        case .running(let running): control = running
        }
        let answer = try await control.ask(["drop_standing": .string(id)])
        guard let standing = answer["standing"]?.string.flatMap(DropStanding.init) else {
            throw Failure(.inside, "the running gate did not say whether it has drop \(id)")
        }
        return standing
    }

    /// Throws away what was fetched of a drop; that of one that is committed stays.
    func discardFetched(_ id: String) async throws {
        switch inside {
        case .own(let intake): try intake.discardFetched(id)
        case .running(let control): _ = try await control.ask(["discard_fetched": .string(id)])
        }
    }

    /// Takes over the drop whose file lies in `incoming/pull/<drop id>.part` of staging.
    func adopt(
        _ receipt: Receipt, origin: String, hostKey: String, peer: IPAddress?
    ) async throws -> DropOutcome.Status {
        let control: ControlClient
        switch inside {
        case .own(let intake):
            return try await intake.adopt(
                PulledDrop(receipt, origin: origin, hostKey: hostKey, peer: peer)
            ).status
        case .running(let running): control = running
        }
        let answer = try await control.ask([
            "adopt": try PulledDrop.request(receipt, origin: origin, hostKey: hostKey, peer: peer)
        ])
        guard let status = answer["adopted"]?.string.flatMap(DropOutcome.Status.init) else {
            throw Failure(.inside, "the running gate did not say what became of drop \(receipt.drop)")
        }
        return status
    }

    /// Returns when everything that was taken over lies in `ready/`.
    func close() async { await inside.close() }
}

extension PulledDrop {
    static func request(
        _ receipt: Receipt, origin: String, hostKey: String, peer: IPAddress?
    ) throws -> JSONValue {
        var members: [String: JSONValue] = [
            "receipt": try JSONValue(parsing: receipt.encoded()), "origin": .string(origin),
            "host_key": .string(hostKey),
        ]
        members["peer"] = peer.map { .string($0.description) }
        return .object(members)
    }

    /// From the request of a command. Throws `IntakeError` or a decoding error for what is not well formed.
    init(request: JSONValue) throws {
        guard let receipt = request["receipt"], let origin = request["origin"]?.string,
            let hostKey = request["host_key"]?.string
        else { throw JSONValueError(description: "a drop to adopt has a receipt, an origin and a host_key") }
        try self.init(
            Receipt(parsing: CanonicalJSON.encode(receipt)), origin: origin, hostKey: hostKey,
            peer: try request["peer"]?.string.map { try IPAddress($0) })
    }
}

extension IntakeError {
    /// As the running gate answers it.
    var refusal: JSONValue { ["refused": .string(code.rawValue), "message": .string(description)] }

    /// From the gate's answer; nil for one that is no refusal.
    init?(refusal answer: JSONValue) {
        guard let code = answer["refused"]?.string.flatMap(Reason.init(rawValue:)) else { return nil }
        self.init(code, answer["message"]?.string ?? code.rawValue)
    }
}
