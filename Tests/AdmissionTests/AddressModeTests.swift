// What every mode must be, whatever it asks.
import Admission
import Testing

@Suite struct AddressModeTests {
    @Test func aModeIsFoundByItsWord() {
        for mode in AddressMode.allCases { #expect(AddressMode(rawValue: mode.rawValue) == mode) }
        #expect(AddressMode(rawValue: "x-real-ip") == nil)
        #expect(Set(AddressMode.allCases).count == AddressMode.allCases.count)
    }

    @Test(
        "the element that a proxy writes for a caller names that caller",
        arguments: AddressMode.allCases.filter { $0.requestHeader != nil }, ["20.21.208.105", "2001:db8::7"])
    func readsWhatProxiesWrite(mode: AddressMode, caller: String) throws {
        let header = try #require(mode.requestHeader)
        let resolver = try AddressResolver(mode: mode, trustedProxies: [CIDRBlock("10.0.0.0/8")])
        let caller = try ip(caller)
        let resolution = resolver.resolve(peer: try endpoint("10.0.0.2")) {
            $0 == header.name ? [header.element(caller)] : []
        }
        #expect(resolution.source?.ip == caller)
        #expect(Set(AddressMode.requestHeaders) == ["x-forwarded-for", "forwarded"])
    }
}
