// The listener sections: webhook, sftp, console. Contradictions between their keys are found here.
import Admission
import Files
import Foundation

extension SettingsBuilder {
    /// What the limits of connections of a listener may be.
    static let connections = 1...1_000_000

    // MARK: Sections

    func webhook() -> WebhookSettings {
        let tls = tls()
        let address = address(
            mode: .webhookAddress, proxies: .webhookTrustedProxies, allowing: AddressMode.allCases)
        var settings = WebhookSettings(listen: listen(.webhookListen), tls: tls)
        settings.address = address
        settings.checks = checks()
        read(WebhookSettings.keys, into: &settings)
        if [settings.path, "/reachability"].contains(settings.healthPath)
            || settings.healthPath.hasPrefix(settings.path + "/")
        {
            if table[.webhookHealthPath] == nil {
                let place = table[.webhookPath]?.shown(as: settings.path) ?? settings.path
                table.fail(
                    .webhookPath,
                    "\(place) is taken by webhook.health_path, \(settings.healthPath): choose another path, or "
                        + "write another health_path")
            } else {
                let place = table[.webhookHealthPath]?.shown(as: settings.healthPath) ?? settings.healthPath
                table.fail(
                    .webhookHealthPath, "\(place) is taken: the health path needs one of its own")
            }
        }
        let secrets = ["secret_file", "header", "basic", "standard_webhooks"].map { "webhook.\($0)" }
        if settings.unlisted == .quarantine, !settings.checks.isAny, !secrets.contains(where: table.isMeant) {
            table.fail(
                .webhookUnlisted,
                "quarantine needs a secret that tells VSee from others: secret_file, header, basic or "
                    + "standard_webhooks; without one write close or refuse")
        }
        checkLimits(
            .webhookMaxConnections, settings.maxConnections, .webhookMaxConnectionsPerSource,
            &settings.maxConnectionsPerSource)
        return settings
    }

    func sftp(state: String) -> SFTPSettings {
        let address = address(
            mode: .sftpAddress, proxies: .sftpTrustedProxies, allowing: SFTPSettings.modes)
        let hostKeys = hostKeys(state: state)
        var settings = SFTPSettings(listen: listen(.sftpListen), hostKeys: hostKeys)
        settings.address = address
        read(SFTPSettings.keys, into: &settings)
        checkLimits(
            .sftpMaxConnections, settings.maxConnections, .sftpMaxConnectionsPerSource,
            &settings.maxConnectionsPerSource)
        checkUploads(&settings)
        return settings
    }

    func console() -> ConsoleSettings? {
        let listen = listen(.consoleListen)
        let help = "name the file that holds the token; `dropgate init` makes it"
        let path = path(.consoleTokenFile)
        let tls =
            table.has(section: "console.tls")
            ? tls("console.tls", .consoleCertificate, .consolePrivateKey, .consoleClientAuthorities) : nil
        guard let token = table.require(.consoleTokenFile, help, secret), let path else { return nil }
        var settings = ConsoleSettings(listen: listen, token: token)
        settings.tokenFile = path
        settings.tls = tls
        return settings
    }

    // MARK: Parts

    /// Nowhere after logging: settings with a problem are never handed out.
    private func listen(_ key: SettingsKey) -> ListenAddress {
        table.require(key, ListenAddress.help) { value in
            guard let text = value.text("ADDRESS:PORT") else { return nil }
            guard let address = ListenAddress(text) else {
                value.fail("\(value.quoted()) is not a listen address; \(ListenAddress.help)")
                return nil
            }
            return address
        } ?? .nowhere
    }

    /// Exactly one of `tls` and `plaintext: true`.
    private func tls() -> TLSSettings? {
        let isPlain = table[.webhookPlaintext]?.flag() ?? false
        guard table.has(section: "webhook.tls") else {
            let isMeant = table.isMeant("webhook.tls") || table.log.explains("webhook.plaintext")
            if !isPlain, !isMeant, table[.webhookPlaintext]?.written.map({ $0 == "false" }) ?? true {
                table.log.add(
                    table.place(ofSection: "webhook"), "webhook",
                    "neither tls nor plaintext; write tls: {certificate: FILE, key: FILE}, or plaintext: true "
                        + "when a proxy in front terminates TLS")
            }
            return nil
        }
        if isPlain { table.fail(.webhookPlaintext, "contradicts tls; keep one of them") }
        return tls(
            "webhook.tls", .webhookCertificate, .webhookPrivateKey, .webhookClientAuthorities,
            oldSenders: table[.webhookOldSenders]?.list { $0.block() } ?? [])
    }

    /// A section that names certificate and key; nil after logging that it does not.
    private func tls(
        _ section: String, _ certificateKey: SettingsKey, _ privateKey: SettingsKey,
        _ authoritiesKey: SettingsKey, oldSenders: [CIDRBlock] = []
    ) -> TLSSettings? {
        let before = table.log.problems.count
        let certificate = table.require(certificateKey, "name the PEM file of the certificate chain") {
            file($0, TLSFiles.certificates)
        }
        let key = table.require(privateKey, "name the PEM file of the private key") { file($0, TLSFiles.key) }
        let authorities = table[authoritiesKey].flatMap { file($0, TLSFiles.certificates) }
        guard let certificate, let key else { return nil }
        var tls = TLSSettings(certificate: certificate, key: key, clientAuthorities: authorities)
        tls.oldSenders = oldSenders
        guard table.log.problems.count == before, areLookedInto([certificate, key, authorities]) else {
            return tls
        }
        do throws(FileError) { _ = try TLSFiles.server(tls) } catch {
            table.log.add(table.place(ofSection: section), section, error.message)
        }
        return tls
    }

    private func hostKeys(state: String) -> [String] {
        guard let value = table[.sftpHostKeys] else {
            let keys = SFTPSettings.defaultHostKeys(state: state).filter { isExpected(hostKey: $0) }
            // They lie where `state` should have said.
            guard !table.isBad(.state), !table.isBad(.sftpHostKeys) else { return keys }
            guard namedFiles != .mustExist || Presence.isDirectory(state) else {
                let place = table[.state]?.shown(as: state) ?? state
                table.fail(.state, "\(place) is not a directory; `dropgate init` makes what is missing")
                return keys
            }
            for path in keys {
                check(path, readers: .nobody) { error in
                    let advice =
                        "; put it back from the backup; for a gate that has never run, `dropgate init` makes what is missing"
                    table.fail(.sftpHostKeys, error.message + (error.saysFix ? "" : advice))
                }
            }
            return keys
        }
        let keys = value.list { readable($0, readers: .nobody) } ?? []
        if keys.isEmpty, value.isEmptyList {
            value.fail("names no host key; remove this setting to use those that `dropgate init` makes")
        }
        return keys
    }

    /// An upgrade must not keep a gate from starting: without the key that earlier versions did not make it serves
    /// its callers as it did. Settings that name the key insist on it, and `init` makes it.
    private func isExpected(hostKey path: String) -> Bool {
        namedFiles == .mayBeMissing || Paths.lastComponent(of: path) != SFTPSettings.laterHostKey
            || (try? Presence.check(path)) != false
    }

    /// The address mode and its trusted proxies: one needs the other.
    private func address(mode: SettingsKey, proxies: SettingsKey, allowing modes: [AddressMode])
        -> AddressSettings
    {
        let blocks = table[proxies].map { $0.list { $0.block() } ?? [] } ?? []
        let isGiven = table[proxies].map { !$0.isEmptyList } ?? false
        var chosen = AddressMode.direct
        if let value = table[mode] {
            guard let word = value.word(AddressMode.self) else {
                return AddressSettings(mode: .direct, trustedProxies: blocks)
            }
            chosen = word
            if !modes.contains(word) {
                let allowed = AddressSettings.list(of: modes)
                value.fail("\(word.rawValue) is for HTTP and cannot work here; write \(allowed)")
                return AddressSettings(mode: .direct, trustedProxies: blocks)
            }
        }
        if !chosen.asksProxies, isGiven {
            table.fail(
                proxies,
                "contradicts address: \(chosen.rawValue), which asks no proxy; remove it, or choose another address mode"
            )
        }
        if chosen.asksProxies, !isGiven {
            table.log.missing(
                table[mode]?.place ?? .file(table.file), proxies.name,
                "address: \(chosen.rawValue) needs the CIDR blocks of the proxies, as in [10.0.0.5/32]")
        }
        return AddressSettings(mode: chosen, trustedProxies: blocks)
    }

    /// No source can have more connections than there may be.
    private func checkLimits(
        _ allKey: SettingsKey, _ all: Int, _ sourceKey: SettingsKey, _ perSource: inout Int
    ) {
        guard perSource > all else { return }
        if table[sourceKey] != nil, !table.isBad(sourceKey), !table.isBad(allKey) {
            table.fail(sourceKey, "\(perSource) is more than \(allKey.name), \(all); it would never apply")
        }
        perSource = all
    }

    /// An upload counts against what its account may have waiting, from its first byte on: none can be larger than that.
    private func checkUploads(_ settings: inout SFTPSettings) {
        let isGood = !table.isBad(.sftpMaxFile) && !table.isBad(.sftpMaxPendingBytes)
        guard settings.maxFile > settings.maxPendingBytes, isGood else { return }
        if table[.sftpMaxFile] != nil {
            let (file, most) = (settings.maxFile, settings.maxPendingBytes)
            table.fail(
                .sftpMaxFile,
                "\(Quantity.text(size: file)) is more than \(SettingsKey.sftpMaxPendingBytes.name), "
                    + "\(Quantity.text(size: most)); it would never apply")
        }
        settings.maxFile = settings.maxPendingBytes
    }

    func temporaryNames(_ value: YAMLValue) -> [String]? {
        guard let patterns: [String] = value.list(of: { provisionalPattern($0) }) else { return nil }
        guard !Self.matchEveryName(patterns) else {
            value.fail("these patterns together match every name: nothing would ever be delivered")
            return nil
        }
        return patterns
    }

    /// Names that have no letter or digit in common, and are longer than what a pattern asks for that is meant well.
    private static let unlikeNames = ["encounter.hl7", "0413-8866-95", "QWZJKXGMVFDB"]

    /// Decided by trying them: there are too many ways to write a pattern that matches everything.
    private static func matchEveryName(_ patterns: [String]) -> Bool {
        // FNM_CASEFOLD, as the gate matches; Glibc's module does not show it.
        unlikeNames.allSatisfy { name in patterns.contains { fnmatch($0, name, 1 << 4) == 0 } }
    }

    private func provisionalPattern(_ value: YAMLValue) -> String? {
        guard let text = value.text("a file name pattern, as in *.part") else { return nil }
        guard !text.contains("/"), !Self.matchEveryName([text]) else {
            value.fail(
                "\(value.quoted()) would match whole paths or every name; write a file name pattern, as in *.part"
            )
            return nil
        }
        return text
    }
}
