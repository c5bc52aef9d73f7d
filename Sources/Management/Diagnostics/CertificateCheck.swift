// Certificates: whether they can be used, and how long yet. The listener's own, the authorities of its callers, and what the
// gate shows a receiver of its log.
import Admission
import Files
import Reachability
import Settings
import TLS

struct CertificateCheck {
    private static let area = "certificates"
    /// Days before a certificate's end from which on it is spoken of.
    private static let notice: Int64 = 21
    private static let day: Int64 = 86_400

    private let settings: GateSettings
    /// Seconds since the epoch.
    private let today: Int64

    init(_ settings: GateSettings, now: Instant) {
        self.settings = settings
        today = now.microseconds / 1_000_000
    }

    private func fix(_ tls: TLSSettings) -> String {
        "put a new certificate and its key at \(tls.certificate) and \(tls.key); the gate picks them up by itself"
    }

    /// Whether callers can do with the listener's certificate.
    func chain() -> [Finding] {
        guard let tls = settings.webhook?.tls else { return [] }
        let path = tls.certificate
        let chain: [Certificate]
        do throws(FileError) {
            chain = try TLSFiles.server(tls).chain
        } catch {
            let files = [tls.certificate, tls.key] + [tls.clientAuthorities].compactMap(\.self)
            let told = error.toBeGiven(files, toOwnerOf: settings.state)
            return [Finding(Self.area, .fail, "\(told)", fix: told.saysFix ? Finding.mend : fix(tls))]
        }
        if chain[0].isSelfIssued {
            return [
                Finding(
                    Self.area, .warn, "\(path) is self-signed: VSee will refuse it",
                    fix: "get a certificate from a public authority")
            ]
        }
        guard chain.count == 1 else { return [] }
        return [
            Finding(
                Self.area, .warn, "\(path) holds no intermediate certificate: many callers need it",
                fix: "put the full chain into it (fullchain.pem)")
        ]
    }

    /// When each ends. Files that cannot be read are others' to tell.
    /// - Parameter isStart: a gate that starts warns by itself of a listener's certificate that has expired.
    func dates(isStart: Bool = false) -> [Finding] {
        var findings: [Finding] = []
        if let tls = settings.webhook?.tls {
            findings += dates(of: tls.certificate, "callers refuse it", fix(tls))
                .filter { !isStart || $0.state != .fail }
            if let path = tls.clientAuthorities {
                findings += dates(
                    of: path, "callers whose certificates it signed are refused",
                    "put the authority's new certificate into \(path); the gate picks it up by itself")
            }
        }
        if let tls = settings.console?.tls {
            findings += dates(of: tls.certificate, "browsers and programs refuse the console", fix(tls))
                .filter { !isStart || $0.state != .fail }
        }
        if let syslog = settings.forward.syslog, syslog.isTLS {
            if let path = syslog.certificate {
                findings += dates(
                    of: path, "the receiver of forward.syslog refuses it",
                    "put a new certificate and its key in place, then restart the gate")
            }
            if let path = syslog.authorities {
                findings += dates(
                    of: path, "the receiver of forward.syslog is not trusted",
                    "put the authority's new certificate into \(path), then restart the gate")
            }
        }
        return findings
    }

    private func dates(of path: String, _ effect: String, _ fix: String) -> [Finding] {
        guard let found = try? TLSFiles.certificates(path) else { return [] }
        let several = found.count > 1
        let problems = found.compactMap { certificate in
            Self.finding(
                several
                    ? "\(path): the certificate of \(UntrustedText.head(certificate.subject, limit: 256))"
                    : path,
                from: certificate.notBefore, until: certificate.notAfter, today: today, effect, fix)
        }
        guard problems.isEmpty, let end = found.end else { return problems }
        return [Finding(Self.area, .ok, "\(path) is good until \(Self.date(end))")]
    }

    /// nil when there is nothing to say. Times in seconds since the epoch.
    static func finding(
        _ what: String, from start: Int64, until end: Int64, today: Int64, _ effect: String, _ fix: String
    ) -> Finding? {
        if start > today {
            return Finding(
                area, .fail, "\(what) is not valid before \(date(start)): until then \(effect)",
                fix: "\(fix); or correct the clock")
        }
        if end < today {
            let days = (today - end) / day
            let ago = days == 0 ? "less than a day ago" : "\(Counted.text(days, "day", "days")) ago"
            return Finding(
                area, .fail, "\(what) has expired (on \(date(end)), \(ago)): \(effect)", fix: fix)
        }
        let left = (end - today) / day
        guard left < notice else { return nil }
        return Finding(
            area, .warn,
            "\(what) expires on \(date(end)), in \(Counted.text(left, "day", "days")): then \(effect)",
            fix: fix)
    }

    private static func date(_ seconds: Int64) -> Substring {
        Instant(microseconds: seconds * 1_000_000).description.prefix(10)
    }
}
