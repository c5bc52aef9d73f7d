// Fingerprints, and the lines of known_hosts files: vectors made by ssh-keygen.
import Testing

@testable import Reachability

@Suite struct HostKeyTests {
    private static let key = "AAAAC3NzaC1lZDI1NTE5AAAAIAhak7EkztjyjVnf3LGlP3vDHG1mx3jOh7liJ98KkFPI"
    private static let fingerprint = "SHA256:oP5v7zHipToJbnMlQa0T8UTV7BDU9rmjxNMq2sv2FlY"
    /// `gate.example` and `[gate.example]:2222`, hashed by `ssh-keygen -H`.
    private static let hashed = "|1|k7ManAZ+jcTYEePt4nh4oWvAesM=|Jz3qqoWXcHVyVFbVhp+fPpRVq7w="
    private static let hashedPort = "|1|WoFGh1a2Q6Y6Dp5hKtyJ5zjHNEo=|hARJIki2X5LSFr0+zIbtlj4ZaTQ="

    struct Line: Sendable {
        var hosts: String
        var host = "gate.example"
        var port: UInt16 = 22
        var isFound: Bool
    }

    @Test(arguments: [
        Line(hosts: "gate.example", isFound: true),
        Line(hosts: "Gate.Example,10.0.0.5", host: "GATE.example", isFound: true),
        Line(hosts: "other.example,10.0.0.5", host: "10.0.0.5", isFound: true),
        Line(hosts: "*.example", isFound: true),
        Line(hosts: "g?te.*le", isFound: true),
        Line(hosts: "*.example,!gate.example", isFound: false),
        Line(hosts: "gate.example", port: 2222, isFound: false),
        Line(hosts: "[gate.example]:2222", port: 2222, isFound: true),
        Line(hosts: "[gate.example]:2222", port: 22, isFound: false),
        Line(hosts: hashed, isFound: true),
        Line(hosts: hashed, port: 2222, isFound: false),
        Line(hosts: hashedPort, port: 2222, isFound: true),
        Line(hosts: "@cert-authority gate.example", isFound: false),
        Line(hosts: "#gate.example", isFound: false),
    ])
    func aLineNamesAHost(_ line: Line) {
        let pins = HostKeyPins(
            knownHosts: "\n\(line.hosts) ssh-ed25519 \(Self.key) a comment\n", host: line.host,
            port: line.port,
            origin: "test")
        #expect(pins.fingerprints == (line.isFound ? [Self.fingerprint] : []))
        #expect(pins.types == (line.isFound ? ["ssh-ed25519"] : []))
    }

    @Test func aKeyIsPinnedOrUnknownOrDiffers() throws {
        let other = HostKey(blob: [0, 0, 0, 1, 0x78])
        let text = "@revoked * x \(Self.key)\ngate.example x AAAAAXg=\n"
        let pins = HostKeyPins(knownHosts: text, host: "gate.example", port: 22, origin: "test")
        #expect(pins.check(other) == .pinned)
        let none = HostKeyPins(knownHosts: "", host: "gate.example", port: 22, origin: "test")
        #expect(none.check(other) == .unknown)
        let given = try HostKeyPins(fingerprints: [Self.fingerprint], origin: "--host-key")
        #expect(given.check(other) == .differs)
        #expect(HostKeyPins(knownHosts: text, host: "h", port: 22, origin: "").revoked == [Self.fingerprint])
    }

    @Test func anUnknownKeyEndsWhatExpectsOneOrSendsAPassword() throws {
        let key = HostKey(blob: [0, 0, 0, 1, 0x78])
        let none = HostKeyPins(knownHosts: "", host: "h", port: 22, origin: "file")
        func severity(_ pins: HostKeyPins?, _ sendsPassword: Bool) -> Diagnosis.Severity? {
            Diagnosis.hostKey(.unknown, key, pins, sendsPassword: sendsPassword)?.severity
        }
        #expect(severity(nil, false) == .warning)
        #expect(severity(nil, true) == .critical)
        #expect(severity(none, false) == .critical)
        #expect(severity(none, true) == .critical)
        #expect(Diagnosis.hostKey(.pinned, key, none, sendsPassword: true) == nil)
    }

    @Test(arguments: [
        "", "SHA256:", "MD5:00:11", "SHA256:abc", fingerprint + "=",
        "SHA256:" + String(repeating: "?", count: 43),
    ])
    func whatIsNoFingerprintIsRefused(_ text: String) {
        #expect(throws: TargetError.self) {
            try HostKeyPins(fingerprints: [text], origin: "--host-key")
        }
    }
}
