// Keeps the TLS context that new connections use, and replaces it when the files behind it change. A bad new pair
// changes nothing but the gate's health: the old one is kept. Private keys are never logged.
package import Admission
import Blocking
import Files
package import Intake
package import Logging
package import Metering
package import Settings
import Synchronization
package import TLS

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

package final class CertificateReloader: Sendable {
    /// How often the files are looked at.
    private static let interval = Duration.seconds(2)

    private struct State {
        var context: TLSContext
        /// For `tls.old_senders`, where there are any.
        var old: TLSContext?
        var files: [FileSignature?]
        /// Seconds since the epoch.
        package var expires: Int64
        /// Files that could not be loaded; the error is logged once for each of their states.
        var failed: [FileSignature?]?
        /// In the log, once for each certificate.
        var isSaidToHaveExpired = false
    }

    /// Whose listener it is, in messages.
    private let listener: String
    private let problem: HealthProblem
    private let expiryProblem: HealthProblem
    /// Of application protocols (RFC 7301), the preferred one first.
    private let protocols: TLSContext.Protocols
    private let settings: TLSSettings
    private let health: Health
    private let logger: Logger
    private let state: Mutex<State>
    /// It looks at files and reads them.
    private let executor = BlockingExecutor(label: "certificate reloader", width: 1)

    /// Loads the pair. Throws `FileError` when it cannot be used.
    /// - Parameters:
    ///   - listener: the section of the settings, as in `webhook`.
    ///   - problem, expiryProblem: what is raised where a new pair is bad, or the one in use has expired.
    package init(
        _ listener: String, problem: HealthProblem, expiryProblem: HealthProblem,
        protocols: TLSContext.Protocols, settings: TLSSettings, health: Health, logger: Logger
    ) throws {
        self.listener = listener
        self.problem = problem
        self.expiryProblem = expiryProblem
        self.protocols = protocols
        self.settings = settings
        self.health = health
        self.logger = logger
        state = Mutex(try Self.load(settings, protocols))
    }

    /// When the certificate in use expires, in seconds since the epoch.
    package var expires: Int64 { state.withLock(\.expires) }

    package func addMetric(to metrics: MetricRegistry) {
        metrics.add(
            "dropgate_certificate_expiry_timestamp_seconds",
            "When a listener's certificate, or one above it in its file, expires.", part: listener
        ) { [listener, weak self] in
            self.map { [.init($0.expires, labels: [("listener", listener)])] } ?? []
        }
    }

    /// For the next connection, which comes from this address as far as is known before TLS.
    package func context(for source: IPAddress?) -> TLSContext {
        let isOld = source.map { ip in settings.oldSenders.contains { $0.contains(ip) } } ?? false
        return state.withLock { isOld ? $0.old ?? $0.context : $0.context }
    }

    /// Looks at the files until cancelled.
    package func run() async {
        await withTaskExecutorPreference(executor) {
            while !Task.isCancelled {
                refresh()
                do { try await Task.sleep(for: Self.interval) } catch { return }
            }
        }
    }

    /// Looks at the files once. True when new ones are in use now.
    @discardableResult
    package func refresh() -> Bool {
        defer { checkExpiry() }
        let found = Self.paths(settings).map(FileSignature.init(path:))
        let (known, failed) = state.withLock { ($0.files, $0.failed) }
        guard found != known else {
            if failed != nil {
                state.withLock { $0.failed = nil }
                health.clear(problem: problem.rawValue)
            }
            return false
        }
        do {
            let fresh = try Self.load(settings, protocols)
            state.withLock { $0 = fresh }
            health.clear(problem: problem.rawValue)
            logger.notice(
                "\(listener) certificate reloaded", metadata: ["certificate": "\(settings.certificate)"])
            return true
        } catch {
            let message = "the new certificate or key cannot be used, so the old one stays in use: \(error)"
            health.set(problem: problem.rawValue, message: message)
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
            health.clear(problem: expiryProblem.rawValue)
            return
        }
        let message = "a certificate in \(settings.certificate) has expired: callers will refuse it; renew it"
        health.set(problem: expiryProblem.rawValue, message: message)
        if isNews { logger.warning("\(message)") }
    }

    private static func paths(_ settings: TLSSettings) -> [String] {
        [settings.certificate, settings.key] + (settings.clientAuthorities.map { [$0] } ?? [])
    }

    private static func load(
        _ settings: TLSSettings, _ protocols: TLSContext.Protocols
    ) throws(FileError) -> State {
        let before = paths(settings).map(FileSignature.init(path:))
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
