// A self-signed certificate to try a gate with: ECDSA P-256, this host's name and loopback. Callers must be told
// to trust it; VSee needs one of a public authority.
import Crypto
package import Foundation
import SwiftASN1
import X509

package struct TrialCertificate {
    /// PEM.
    package let certificate: String
    package let key: String

    /// Good from an hour ago (clocks differ) for a year.
    package init(host: String = ProcessInfo.processInfo.hostName, now: Date = Date()) throws {
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("dropgate trial") }
        var names: [GeneralName] = [.dnsName("localhost")]
        if Self.isHostName(host), host != "localhost" { names.append(.dnsName(host)) }
        names.append(.ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])))
        names.append(.ipAddress(ASN1OctetString(contentBytes: Array(repeating: 0, count: 15)[...] + [1])))
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            notValidBefore: now - 3600, notValidAfter: now + 365 * 86400, issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names)
            }, issuerPrivateKey: .init(key))
        self.certificate = try certificate.serializeAsPEM().pemString + "\n"
        self.key = key.pemRepresentation + "\n"
    }

    /// RFC 1123 section 2.1, so that the name fits a certificate.
    private static func isHostName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                    && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            }
    }
}
