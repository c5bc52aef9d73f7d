// The section `forward`.
import Files

extension SettingsBuilder {
    func forward() -> ForwardSettings {
        var settings = ForwardSettings()
        if table.has(section: "forward.syslog") { settings.syslog = syslog() }
        if table.has(section: "forward.file") { settings.file = file() }
        return settings
    }

    private func file() -> ForwardFileSettings? {
        let help = "name the file that entries are appended to"
        let place: String? = table.require(.forwardFilePath, help) { path($0) }
        guard let place else { return nil }
        var settings = ForwardFileSettings(path: place)
        read(ForwardFileSettings.keys, into: &settings)
        return settings
    }

    /// RFC 9371 section 2.1: numbers have 32 bits, and the highest is reserved.
    private static let highestEnterprise = 4_294_967_294

    private func syslog() -> SyslogSettings? {
        let help = "write tcp://host:port or tls://host:port"
        guard
            var syslog = table.require(
                .forwardSyslogAddress, help,
                { value -> SyslogSettings? in
                    guard let text = value.text("an address") else { return nil }
                    guard let syslog = SyslogSettings(address: text) else {
                        value.fail("\"\(WitnessURL.shown(text))\" is not a syslog receiver; \(help)")
                        return nil
                    }
                    return syslog
                })
        else { return nil }
        let before = table.log.problems.count
        syslog.authorities = table[.forwardSyslogAuthorities].flatMap { file($0, TLSFiles.certificates) }
        syslog.certificate = table[.forwardSyslogCertificate].flatMap { file($0, TLSFiles.certificates) }
        syslog.key = table[.forwardSyslogKey].flatMap { file($0, TLSFiles.key) }
        if let number = table[.forwardSyslogEnterprise]?.integer(in: 0...Self.highestEnterprise) {
            syslog.enterprise = Int64(number)
        }
        for key in [SettingsKey.forwardSyslogAuthorities, .forwardSyslogCertificate, .forwardSyslogKey]
        where !syslog.isTLS && table[key] != nil {
            table.fail(key, "is of TLS, and the address is tcp://; write tls://, or remove it")
        }
        if (syslog.certificate == nil) != (syslog.key == nil) {
            table.fail(
                syslog.key == nil ? .forwardSyslogCertificate : .forwardSyslogKey,
                "certificate and key go together; give both or none")
        }
        if let certificate = syslog.certificate, let key = syslog.key, table.log.problems.count == before,
            areLookedInto([certificate, key])
        {
            do throws(FileProblem) { _ = try TLSFiles.client(certificate: certificate, key: key) } catch {
                table.fail(.forwardSyslogCertificate, error.message)
            }
        }
        return syslog
    }
}
