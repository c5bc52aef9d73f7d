// Keeps the TLS context that new connections use, and replaces it when the files behind it change. A bad new pair
// changes nothing but the gate's health: the old one is kept. Private keys are never logged.
import Admission
import Blocking
import Files
import Intake
import Logging
import Settings
import Synchronization
import TLS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

final class CertificateReloader: Sendable {
    /// Names of the problems in the gate's health.
    static let problem = "webhook_certificate"
    static let expiryProblem = "webhook_certificate_expired"
    /// How often the files are looked at.
    static let interval = Duration.seconds(2)

    private struct State {
        var context: TLSContext
        /// For `tls.old_senders`, where there are any.
        var old: TLSContext?
        var files: [FileSignature?]
        /// Seconds since the epoch.
        var expires: Int64
        /// Files that could not be loaded; the error is logged once for each of their states.
        var failed: [FileSignature?]?
        /// In the log, once for each certificate.
        var isSaidToHaveExpired = false
    }

    private let settings: TLSSettings
    private let health: Health
    private let logger: Logger
    private let state: Mutex<State>
    /// It looks at files and reads them.
    private let executor = BlockingExecutor(label: "certificate reloader", width: 1)

    /// Loads the pair. Throws `FileError` when it cannot be used.
    init(settings: TLSSettings, health: Health, logger: Logger) throws {
        self.settings = settings
        self.health = health
        self.logger = logger
        state = Mutex(try Self.load(settings))
    }

    /// When the certificate in use expires, in seconds since the epoch.
    var expires: Int64 { state.withLock(\.expires) }

    /// For the next connection, which comes from this address as far as is known before TLS.
    func context(for source: IPAddress?) -> TLSContext {
        let isOld = source.map { ip in settings.oldSenders.contains { $0.contains(ip) } } ?? false
        return state.withLock { isOld ? $0.old ?? $0.context : $0.context }
    }

    /// Looks at the files until cancelled.
    func run() async {
        await withTaskExecutorPreference(executor) {
            while !Task.isCancelled {
                refresh()
                do { try await Task.sleep(for: Self.interval) } catch { return }
            }
        }
    }

    /// Looks at the files once. True when new ones are in use now.
    @discardableResult
    func refresh() -> Bool {
        defer { checkExpiry() }
        let found = Self.paths(settings).map(FileSignature.init(path:))
        let (known, failed) = state.withLock { ($0.files, $0.failed) }
        guard found != known else {
            if failed != nil {
                state.withLock { $0.failed = nil }
                health.clear(problem: Self.problem)
            }
            return false
        }
        do {
            let fresh = try Self.load(settings)
            state.withLock { $0 = fresh }
            health.clear(problem: Self.problem)
            logger.notice(
                "webhook certificate reloaded", metadata: ["certificate": "\(settings.certificate)"])
            return true
        } catch {
            let message = "the new certificate or key is not used, the old one is kept: \(error)"
            health.set(problem: Self.problem, message: message)
            if failed != found {
                state.withLock { $0.failed = found }
                logger.error("\(message)")
            }
            return false
        }
    }

    private func checkExpiry() {
        let now = Int64(time(nil))
        let (hasExpired, isNews) = state.withLock { state -> (Bool, Bool) in
            let hasExpired = state.expires < now
            defer { state.isSaidToHaveExpired = hasExpired }
            return (hasExpired, hasExpired && !state.isSaidToHaveExpired)
        }
        guard hasExpired else {
            health.clear(problem: Self.expiryProblem)
            return
        }
        let message = "a certificate in \(settings.certificate) has expired: callers will refuse it; renew it"
        health.set(problem: Self.expiryProblem, message: message)
        if isNews { logger.warning("\(message)") }
    }

    private static func paths(_ settings: TLSSettings) -> [String] {
        [settings.certificate, settings.key] + (settings.clientAuthorities.map { [$0] } ?? [])
    }

    private static func load(_ settings: TLSSettings) throws(FileError) -> State {
        let before = paths(settings).map(FileSignature.init(path:))
        let protocols = ["h2", "http/1.1"]
        let (context, chain) = try TLSFiles.server(settings, protocols: protocols)
        let old =
            settings.oldSenders.isEmpty
            ? nil : try TLSFiles.server(settings, protocols: protocols, allowsOldCiphers: true).context
        guard paths(settings).map(FileSignature.init(path:)) == before else {
            throw FileError(
                message: "\(settings.certificate): changed while it was read; it is tried again")
        }
        return State(
            context: context, old: old, files: before, expires: chain.end ?? 0)
    }
}
