// Makes the parts of a gate that its settings name: directories, source list, host keys, certificate, token.
// Each part is left alone when it is there, and only what lies in the state directory is made for TLS and token.
import Admission
import Files
import Foundation
import Ledger
import SFTPReceiver
import Settings
import TLS

package struct GateSetup {
    /// What the caller may choose.
    package struct Options: Sendable {
        /// The sheet has the webhook's secrets.
        package var showsSecrets = false
        /// Host keys are made also in place of those that callers know and that are lost.
        package var makesNewHostKeys = false

        package init() {}
    }

    private let settings: GateSettings
    private let makesNewHostKeys: Bool

    private init(_ settings: GateSettings, _ options: Options) {
        self.settings = settings
        makesNewHostKeys = options.makesNewHostKeys
    }

    /// Makes what is missing of a self-contained gate in a directory, given by its absolute path.
    package static func make(
        in directory: String, _ options: Options = .init()
    ) async throws -> (log: SetupLog, sheet: GateSheet) {
        var log = SetupLog()
        try SetupOwner(of: directory)?.become()
        let file = try GateTemplate.make(in: directory, log: &log)
        return try await make(file, log, options)
    }

    /// Makes what is missing of the gate whose settings lie at this absolute path.
    package static func make(
        settings file: String, _ options: Options = .init()
    ) async throws -> (log: SetupLog, sheet: GateSheet) {
        try SetupOwner(of: Paths.directory(of: file))?.become()
        return try await make(file, SetupLog(), options)
    }

    private static func make(
        _ file: String, _ log: SetupLog, _ options: Options
    ) async throws -> (log: SetupLog, sheet: GateSheet) {
        var log = log
        let settings = try SettingsLoader.load(file: file, namedFiles: .mayBeMissing)
        try PathCheck.check(settings)
        try await GateSetup(settings, options).make(&log)
        return (
            log,
            try await GateSheet(
                settings: settings, file: file, log: log, showsSecrets: options.showsSecrets)
        )
    }

    private func make(_ log: inout SetupLog) async throws {
        let gate = SetupOwner(ofState: settings)
        try log.directory(settings.accounts)
        try makeSourceList(&log)
        try makeRules(&log)
        if let gate {
            try gate.admit(to: log.made)
            try gate.become(with: settings.groups)
        }
        for directory in [
            settings.state, settings.layout.run, settings.staging.path,
            settings.ledgerHandle.directory,
        ] {
            try log.directory(directory)
        }
        lookAtLedger(&log)
        try makeLedgerKey(&log)
        if let sftp = settings.sftp { try await makeHostKeys(sftp, &log) }
        if let tls = settings.webhook?.tls { try makeCertificate(tls, &log) }
        if let console = settings.console { try makeToken(console, &log) }
        for access in GroupAccess.all {
            do throws(FileError) { try access.apply(settings) } catch {
                let isKnown = access.isKnown(settings)
                throw ManagementError(
                    isKnown ? .internalError : .configuration, "\(access.key): \(error)", cause: error)
            }
        }
    }

    /// VSee's list, where the settings look for lists in a directory that has none.
    private func makeSourceList(_ log: inout SetupLog) throws {
        guard settings.sources.isEmpty else {
            for file in settings.sources { log.kept(file) }
            return
        }
        guard let pattern = settings.sourcePatterns.first(where: { $0.hasSuffix("/*.yaml") }) else {
            return log.missing(
                "source lists: \(settings.sourcePatterns.joined(separator: ", ")) name no file")
        }
        let directory = Paths.directory(of: pattern)
        try log.directory(directory)
        let file = directory + "/vsee-qatar.yaml"
        try FileReplacement.write(Array(Shipped.sourceList.utf8), to: file)
        log.made(file)
    }

    /// VSee's network rules, where the settings look for rules in a directory that has none.
    private func makeRules(_ log: inout SetupLog) throws {
        guard settings.rules.isEmpty else {
            for file in settings.rules { log.kept(file) }
            return
        }
        guard let pattern = settings.rulePatterns.first(where: { $0.hasSuffix("/*.yaml") }) else { return }
        try write(
            Shipped.rules, to: Paths.directory(of: pattern) + "/vsee-qatar.yaml", mode: 0o644, &log)
    }

    /// A ledger that is lost or damaged is nothing that `init` makes anew.
    private func lookAtLedger(_ log: inout SetupLog) {
        do {
            // One of an older format opens for no reader; the gate's start brings it up to date.
            if try settings.ledgerHandle.isThere(), let reader = try? settings.ledgerHandle.reader() {
                _ = try reader.size()
            }
        } catch {
            log.missing("\(ManagementError.of(error).map { "\($0)" } ?? "\(error)")")
        }
    }

    /// Never beside a ledger, which another key signs: that one must be put back.
    private func makeLedgerKey(_ log: inout SetupLog) throws {
        let keys = LedgerKeys(settings)
        guard try !keys.isThere() else { return log.kept(settings.ledger.key) }
        if let loss = keys.loss { return log.missing("\(loss)") }
        try log.directory(Paths.directory(of: settings.ledger.key))
        try keys.make()
        for file in keys.made { log.made(file) }
    }

    private func makeHostKeys(_ sftp: SFTPSettings, _ log: inout SetupLog) async throws {
        var absent = try sftp.hostKeys.filter { try !exists($0) }
        for key in sftp.hostKeys where try exists(key) { log.kept(key) }
        guard !absent.isEmpty else { return }
        guard sftp.hostKeys == SFTPSettings.defaultHostKeys(state: settings.state) else {
            for key in absent { log.missing("\(key): a host key that sftp.host_keys names") }
            return
        }
        if !makesNewHostKeys {
            let known = KnownHostKeys(settings.ledgerHandle)
            for key in absent where known.include(key) { log.missing(KnownHostKeys.loss(of: key)) }
            absent.removeAll(where: known.include)
        }
        guard !absent.isEmpty else { return }
        let directory = Paths.directory(of: sftp.hostKeys[0])
        try log.directory(directory)
        try await HostKeys.ensure(in: directory, absent.map(Paths.lastComponent))
        for key in absent {
            log.made(key)
            log.made(key + ".pub")
        }
    }

    private func makeCertificate(_ tls: TLSSettings, _ log: inout SetupLog) throws {
        switch (try exists(tls.certificate), try exists(tls.key)) {
        case (true, true):
            log.kept(tls.certificate)
            log.kept(tls.key)
        case (true, false):
            log.missing("\(tls.key): the private key of \(tls.certificate)")
        case (false, true):
            log.missing("\(tls.certificate): the certificate of \(tls.key)")
        case (false, false):
            guard isOwn(tls.certificate), isOwn(tls.key) else {
                return log.missing("\(tls.certificate) and \(tls.key): put your certificate and key there")
            }
            let trial = try TrialCertificate(
                host: ProcessInfo.processInfo.hostName, now: Instant.now().microseconds / 1_000_000)
            try write(trial.key, to: tls.key, mode: 0o600, &log)
            try write(trial.certificate, to: tls.certificate, mode: 0o644, &log)
        }
    }

    private func makeToken(_ console: ConsoleSettings, _ log: inout SetupLog) throws {
        guard try !exists(console.tokenFile) else { return log.kept(console.tokenFile) }
        guard isOwn(console.tokenFile) else {
            return log.missing(
                "\(console.tokenFile): put a token there, as `openssl rand -hex 32` prints, mode 0600")
        }
        let token = Hex.text(RandomBytes.make(32))
        try write(token + "\n", to: console.tokenFile, mode: 0o600, &log)
    }

    private func write(_ text: String, to path: String, mode: mode_t, _ log: inout SetupLog) throws {
        try log.directory(Paths.directory(of: path))
        try FileReplacement.write(Array(text.utf8), to: path, mode: mode)
        log.made(path)
    }

    private func exists(_ path: String) throws(FileError) -> Bool { try Presence.check(path) }

    private func isOwn(_ path: String) -> Bool { path.hasPrefix(settings.state + "/") }
}
