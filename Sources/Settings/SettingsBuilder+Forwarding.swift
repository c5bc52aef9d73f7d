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
        let enterprise = table[.forwardSyslogEnterprise]?.integer(in: 0...Self.highestEnterprise).map(
            Int64.init)
        let before = table.log.count
        let address = table.require(.forwardSyslogAddress, help) { value -> SyslogSettings? in
            guard let text = value.text("an address") else { return nil }
            guard let syslog = SyslogSettings(address: text) else {
                value.fail("\(value.quoted(WitnessURL.shown(text))) is not a syslog receiver; \(help)")
                return nil
            }
            return syslog
        }
        let keys = [SettingsKey.forwardSyslogAuthorities, .forwardSyslogCertificate, .forwardSyslogKey]
        if var address, !address.isTLS {
            for key in keys where table[key] != nil {
                table.fail(key, "is for TLS, but the address is tcp://; write tls://, or remove this key")
            }
            if let enterprise { address.enterprise = enterprise }
            return address
        }
        // The files are looked at also when the address is no good.
        let authorities = table[.forwardSyslogAuthorities].flatMap { file($0, TLSFiles.certificates) }
        let certificate = table[.forwardSyslogCertificate].flatMap { file($0, TLSFiles.certificates) }
        let key = table[.forwardSyslogKey].flatMap { file($0, TLSFiles.key) }
        if !table.isMeant(SettingsKey.forwardSyslogKey.name), certificate != nil {
            table.fail(.forwardSyslogCertificate, "certificate and key go together; give both or none")
        }
        if !table.isMeant(SettingsKey.forwardSyslogCertificate.name), key != nil {
            table.fail(.forwardSyslogKey, "certificate and key go together; give both or none")
        }
        if let certificate, let key, table.log.count == before,
            areLookedInto([certificate, key])
        {
            do throws(FileError) { _ = try TLSFiles.client(certificate: certificate, key: key) } catch {
                table.fail(.forwardSyslogCertificate, error.message)
            }
        }
        guard var syslog = address else { return nil }
        (syslog.authorities, syslog.certificate, syslog.key) = (authorities, certificate, key)
        if let enterprise { syslog.enterprise = enterprise }
        return syslog
    }
}
