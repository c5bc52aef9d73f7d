// A gate's configuration directory for one test: written, read, removed with the value that stands for it.
import Foundation
import Settings
import TLS

final class GateDirectory {
    let path: String

    /// One for all tests: making a key takes longer than they do.
    private static let trial = Result { () throws -> (certificate: String, key: String) in
        let trial = try TrialCertificate(host: "gate.example", now: Int64(Date().timeIntervalSince1970))
        return (trial.certificate, trial.key)
    }

    init() throws {
        let base = FileManager.default.temporaryDirectory.path
        path = base + "/dropgate-settings-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A directory with everything that the settings of these tests name.
    static func complete() throws -> GateDirectory {
        let gate = try GateDirectory()
        let identity = try trial.get()
        try gate.write("certificate.pem", identity.certificate)
        try gate.write("key.pem", identity.key, mode: 0o600)
        try gate.write("token", "0123456789abcdef\n", mode: 0o600)
        try gate.write("secret", "path-secret-0123456789\n", mode: 0o600)
        try gate.write("state/keys/ssh_host_ed25519_key", "key", mode: 0o600)
        try gate.write("state/keys/ssh_host_rsa_key", "key", mode: 0o600)
        try gate.write(
            "sources/a.yaml", "entries: [{cidr: 192.0.2.1, service: clinic, channels: [webhook]}]\n")
        return gate
    }

    @discardableResult
    func write(_ name: String, _ text: String, mode: Int = 0o644) throws -> String {
        let file = "\(path)/\(name)"
        let directory = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    func read(_ name: String) throws -> String {
        try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
    }

    func load(_ yaml: String, environment: [String: String] = [:]) throws -> GateSettings {
        let file = try write("dropgate.yaml", yaml)
        return try SettingsLoader.load(file: file, environment: environment)
    }

    /// What is wrong with these settings, one line a problem, without this directory's path.
    func problems(_ yaml: String, environment: [String: String] = [:]) throws -> [String] {
        do {
            _ = try load(yaml, environment: environment)
            return []
        } catch let errors as SettingsErrors {
            return errors.problems.map { $0.description.replacingOccurrences(of: path + "/", with: "") }
        }
    }
}
