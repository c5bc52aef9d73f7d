// A row's outcome is made of its attempts: one blocked port blocks it, hosts of a wildcard stand for one another.
import Glibc
import RuleBook
import Testing

@Suite struct CheckResultTests {
    private func result(_ attempts: [(String, CheckOutcome, String)], isOptional: Bool = false) -> CheckResult
    {
        CheckResult(
            id: "row", purpose: "P", isOptional: isOptional,
            attempts: attempts.map { CheckAttempt(what: $0.0, outcome: $0.1, detail: "seen", group: $0.2) })
    }

    @Test(arguments: [
        ([CheckOutcome.ok, .ok], CheckOutcome.ok), ([.ok, .blocked], .blocked),
        ([.noProof, .blocked], .blocked),
        ([.ok, .noProof], .ok), ([.noProof, .noProof], .noProof), ([.noProof, .skipped], .noProof),
        ([.skipped, .skipped], .skipped), ([.ok, .skipped], .ok),
        ([.ok, .unresolved], .unresolved), ([.unresolved, .blocked], .blocked),
        ([.unresolved, .noProof], .unresolved),
    ])
    func aRowIsAsGoodAsItsPorts(outcomes: [CheckOutcome], expected: CheckOutcome) {
        let attempts = outcomes.enumerated().map { ("TCP \($0)", $1, "\($0)") }
        #expect(result(attempts).outcome == expected)
        #expect(result(attempts).isFailure == (expected == .blocked || expected == .unresolved))
        #expect(!result(attempts, isOptional: true).isFailure)
    }

    @Test func hostsOfOneWildcardStandForOneAnother() {
        let both = result([("TCP 80 a", .blocked, "TCP 80 *"), ("TCP 80 b", .ok, "TCP 80 *")])
        #expect(both.outcome == .ok && both.detail == "TCP 80 b: seen")
        let none = result([("TCP 80 a", .blocked, "TCP 80 *"), ("TCP 80 b", .blocked, "TCP 80 *")])
        #expect(none.outcome == .blocked && none.detail == "TCP 80 a: seen")
    }

    /// Nothing was tried there: one host of a wildcard that was reached says more.
    @Test func aHostThatDoesNotResolveIsNotBlocked() {
        let both = result([("TCP 80 a", .unresolved, "TCP 80 *"), ("TCP 80 b", .ok, "TCP 80 *")])
        #expect(both.outcome == .ok)
        let none = result([("TCP 80 a", .unresolved, "TCP 80 a"), ("TCP 81 b", .ok, "TCP 81 b")])
        #expect(
            none.outcome == .unresolved && none.detail == "TCP 80 a: seen; TCP 81 b: seen" && none.isFailure)
    }

    @Test func aNameThatIsNotThereAndNameServersThatDoNotAnswerHaveDifferentCures() {
        let absent = HostLookup.words("x.example", code: EAI_NONAME, "Name or service not known")
        #expect(absent.hasPrefix("x.example does not resolve: Name or service not known; check its spelling"))
        let silent = HostLookup.words("x.example", code: EAI_AGAIN, "Temporary failure in name resolution")
        #expect(
            silent.hasPrefix("x.example could not be looked up, no name server gave an answer: Temporary"))
        #expect(silent.contains("/etc/resolv.conf"))
    }

    @Test func aNameThatNobodyHasDoesNotResolve() async {
        let error = await #expect(throws: RuleBookError.self) {
            try await HostLookup.addresses(of: "nobody.invalid")
        }
        #expect(error?.code == .unresolved)
        #expect(error?.description.contains("nobody.invalid") == true)
    }

    @Test func whatIsBlockedIsSaidFirstAndInFull() {
        let row = result([
            ("TCP 1", .ok, "1"), ("TCP 2", .ok, "2"), ("TCP 3", .ok, "3"), ("UDP 4", .noProof, "4"),
            ("TCP 5", .blocked, "5"), ("UDP 6", .skipped, "6"),
        ])
        #expect(row.detail == "TCP 5: seen; ok: TCP 1, TCP 2, TCP 3; UDP 4: seen; skipped: UDP 6")
    }
}
