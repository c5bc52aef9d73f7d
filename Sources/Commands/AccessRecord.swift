// stand-in until the formats part lands
import Ledger
import Settings

enum AccessRecord {
    static func exported(_ what: String, detail: [String: JSONValue], settings: GateSettings) async throws {}
}
