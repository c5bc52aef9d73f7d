// A certificate and its key for tests, made anew.
import Foundation
package import TLS

package struct Identity {
    package let chain: [Certificate]
    package let key: PrivateKey
    package init(host: String = "localhost") throws {
        let trial = try TrialCertificate(host: host, now: Int64(Date().timeIntervalSince1970))
        let directory = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let certificateFile = directory.appending(path: "certificate.pem").path
        let keyFile = directory.appending(path: "key.pem").path
        try Data(trial.certificate.utf8).write(to: URL(filePath: certificateFile))
        try Data(trial.key.utf8).write(to: URL(filePath: keyFile))
        chain = try Certificate.list(file: certificateFile)
        key = try PrivateKey(file: keyFile)
    }
}
