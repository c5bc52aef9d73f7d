// Who can come to each form of a listen address, and what is advised.
import Admission
import Glibc
import Settings
import Testing

@testable import Reachability

@Suite struct ListenAdviceTests {
    private static let both = ["127.0.0.1", "::1", "fe80::5", "192.0.2.4", "2001:db8::4"]

    private func reach(_ ip: String, _ machine: [String]) throws -> ListenAdvice.Reach {
        ListenAdvice.Reach(try IPAddress(ip), machine: try machine.map { try IPAddress($0) })
    }

    @Test(arguments: [
        ("127.0.0.1", "listen on 0.0.0.0:8443,"), ("127.0.0.9", "listen on 0.0.0.0:8443,"),
        ("::1", "listen on [::]:8443,"), ("::ffff:127.0.0.1", "listen on 0.0.0.0:8443,"),
        ("fe80::5", "listen on [::]:8443,"), ("169.254.1.1", "listen on 0.0.0.0:8443,"),
    ])
    func anAddressOfNobodyOutsideIsAdvisedTheWildcardOfItsFamily(_ ip: String, _ advice: String) throws {
        let reach = try reach(ip, Self.both)
        #expect(try reach.place == IPAddress(ip) && reach.limit != nil)
        #expect(reach.advice(port: 8443)?.hasPrefix(advice) == true)
    }

    @Test(arguments: [
        ("0.0.0.0", Self.both, "192.0.2.4"), ("::", Self.both, "2001:db8::4"),
        ("192.0.2.4", Self.both, "192.0.2.4"),
        ("2001:db8::4", Self.both, "2001:db8::4"), ("::", ["127.0.0.1", "192.0.2.4"], "192.0.2.4"),
    ])
    func whatCanBeReachedIsTriedThereAndNeedsNoAdvice(_ ip: String, _ machine: [String], _ place: String)
        throws
    {
        let reach = try reach(ip, machine)
        #expect(try reach.place == IPAddress(place))
        #expect(reach.limit == nil && reach.advice(port: 1) == nil)
    }

    @Test func aMachineWithoutAddressesIsAdvisedOneAndNotAnotherWildcard() throws {
        for (ip, place) in [("0.0.0.0", "127.0.0.1"), ("::", "::1")] {
            let reach = try reach(ip, ["127.0.0.1", "::1", "fe80::1"])
            #expect(try reach.place == IPAddress(place))
            #expect(reach.limit == "on loopback only: this machine has no other address")
            #expect(reach.advice(port: 1)?.contains("give this machine an address") == true)
        }
        #expect(try reach("::", ["127.0.0.1"]).place == IPAddress("127.0.0.1"))
    }

    @Test func aMachineOfIPv6OnlyIsAdvisedBothFamilies() throws {
        let reach = try reach("0.0.0.0", ["127.0.0.1", "2001:db8::4"])
        #expect(reach.limit?.contains("no IPv4 address") == true)
        #expect(reach.advice(port: 2222) == "listen on [::]:2222, which takes IPv4 and IPv6")
    }

    @Test(arguments: [
        ("192.0.2.9:8443", EADDRNOTAVAIL, "or 0.0.0.0:8443"),
        ("[2001:db8::9]:8443", EADDRNOTAVAIL, "or [::]:8443"),
        ("0.0.0.0:8443", EADDRINUSE, "ss -ltnp"), ("0.0.0.0:443", EACCES, "CAP_NET_BIND_SERVICE"),
        ("[fe80::1]:8443", EINVAL, "listen on [::]:8443"), ("[::]:8443", EAFNOSUPPORT, "0.0.0.0:8443"),
    ])
    func whatCannotBeBoundIsToldWhatHelps(_ address: String, _ error: Int32, _ advice: String) throws {
        let address = try #require(ListenAddress(address))
        #expect(ListenAdvice.cannotBind(address, error).contains(advice))
    }
}
