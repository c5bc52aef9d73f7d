// Certificates: what they say, whether key and chain fit, what a trial certificate is for.
import Foundation
import TLSSupport
import Testing

@testable import TLS

@Suite struct CertificateTests {
    @Test func theTrialCertificateIsForThisHostAndLoopback() throws {
        let now: Int64 = 1_795_000_000
        let trial = try TrialCertificate(host: "gate.example", now: now)
        let certificate = try #require(try Certificate.list(pem: Array(trial.certificate.utf8)).first)
        #expect(
            certificate.names
                == "DNS:localhost, DNS:gate.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1")
        #expect(certificate.notBefore == now - 3600 && certificate.notAfter == now + 365 * 86400)
        #expect(certificate.subject == "CN=dropgate trial" && certificate.isSelfIssued)
        #expect(trial.key.hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
        // Anew each time.
        #expect(try TrialCertificate(host: "gate.example", now: now).certificate != trial.certificate)
    }

    @Test(arguments: ["bad name", "-x", "", "ä.example", "localhost", "a,DNS:evil.example"])
    func aHostWithoutAFitNameStillGetsACertificate(host: String) throws {
        let trial = try TrialCertificate(host: host, now: 1_795_000_000)
        let names = try Certificate.list(pem: Array(trial.certificate.utf8)).first?.names
        #expect(names == "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1")
    }

    @Test func aKeyFitsItsOwnCertificateOnly() throws {
        let (one, other) = (try Identity(), try Identity())
        #expect(one.key.fits(one.chain[0]) && !one.key.fits(other.chain[0]))
        let error = #expect(throws: OpenSSLError.self) {
            try TLSContext(TLSContext.Server(chain: one.chain, key: other.key))
        }
        #expect(error?.words == "the key is not the certificate's")
    }

    @Test func aChainWithABrokenPartIsNotReadInPart() throws {
        let good = try TrialCertificate(host: "a", now: 1_795_000_000).certificate
        #expect(try Certificate.list(pem: Array((good + good).utf8)).count == 2)
        #expect(try Certificate.list(pem: Array("text before\n\(good)text behind".utf8)).count == 1)
        #expect(try Certificate.list(pem: []).isEmpty && Certificate.list(pem: Array("nothing".utf8)).isEmpty)
        let broken = good.replacingOccurrences(of: "MII", with: "M!!")
        #expect(throws: OpenSSLError.self) { try Certificate.list(pem: Array((good + broken).utf8)) }
        #expect(throws: OpenSSLError.self) { try Certificate.list(pem: Array(good.utf8.prefix(200))) }
    }

    @Test func aKeyThatCannotBeReadIsSaid() throws {
        for text in ["", "rubbish", try TrialCertificate(host: "a", now: 1_795_000_000).certificate] {
            let error = #expect(throws: OpenSSLError.self) { try PrivateKey(pem: Array(text.utf8)) }
            #expect(error?.words == "no readable PEM private key in it")
        }
    }

    @Test func onlyOneIsAVerifiedChain() throws {
        let fault = CertificateFault(code: 10, depth: 0)
        #expect(fault.kind == .expired)
        #expect(ServerVerification.faults(1, []).isEmpty)
        #expect(ServerVerification.faults(1, [fault]) == [fault])
        for result: Int32 in [0, -1, 2] { #expect(ServerVerification.faults(result, []).count == 1) }
        // Nothing to verify, nothing to set: no trust either.
        #expect(!ServerVerification.faults(of: [], host: "gate.example", authorities: nil).isEmpty)
        let own = try Identity().chain
        #expect(
            ServerVerification.faults(of: own, host: "localhost", authorities: nil).map(\.kind) == [
                .selfSigned
            ])
        #expect(
            ServerVerification.faults(of: own, host: "b.example", authorities: nil).contains {
                $0.kind == .name
            })
        #expect(!ServerVerification.faults(of: own, host: "", authorities: nil).isEmpty)
    }
}

@Suite struct LibraryTests {
    @Test func theLibraryTellsVersionAndDate() {
        #expect(OpenSSLLibrary.version.wholeMatch(of: /OpenSSL 3\.\d+\.\d+\S* +\d+ \w+ 20\d\d( .*)?/) != nil)
        #expect(OpenSSLLibrary.providers.contains("default"))
        #expect(OpenSSLLibrary.replaced() == [])
        #expect(OpenSSLLibrary.replaced(inProcess: "0") == nil)
    }

    @Test(arguments: [
        ("7f00-7f01 r-xp 00000000 08:01 12 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n", true),
        ("7f00-7f01 r-xp 00000000 08:01 12 /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)", true),
        ("7f00-7f01 r-xp 00000000 08:01 12 /usr/lib/x86_64-linux-gnu/libcrypto.so.3\n", false),
        ("7f00-7f01 r-xp 00000000 08:01 12 /usr/lib/x86_64-linux-gnu/libz.so.1 (deleted)\n", false),
        ("7f00-7f01 rw-s 00000000 00:01 12 /memfd:libssl.so.3 (deleted)\n", false),
        ("7f00-7f01 rw-p 00000000 00:00 0 \n", false),
    ])
    func aReplacedLibraryIsSeenInAMap(line: String, isReplaced: Bool) {
        #expect((OpenSSLLibrary.replaced(inLine: line) != nil) == isReplaced)
    }
}
