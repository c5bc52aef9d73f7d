// A certificate and its key for tests, made anew.
import Foundation
package import TLS

package struct Identity {
    package let chain: [Certificate]
    package let key: PrivateKey

    package init(host: String = "localhost") throws {
        let trial = try TrialCertificate(host: host, now: Int64(Date().timeIntervalSince1970))
        chain = try Certificate.list(pem: Array(trial.certificate.utf8))
        key = try PrivateKey(pem: Array(trial.key.utf8))
    }
}
