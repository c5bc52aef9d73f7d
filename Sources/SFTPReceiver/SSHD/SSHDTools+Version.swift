// Which OpenSSH is installed, as it says itself.

extension SSHDTools {
    /// `OpenSSH_9.2p1 Debian-2+deb12u7`; nil when it does not say. Versions up to 9.3 know no option for it, and
    /// name themselves above the usage that they print instead.
    package func version() async -> String? {
        guard let sshd, let result = try? await Self.run(sshd, ["-V"]) else { return nil }
        let line = (result.output + "\n" + result.errors).split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("OpenSSH_") }
        return line.map { String($0.prefix { $0 != "," }) }
    }

    /// The version of the package that libnss-wrapper came with; nil where dpkg does not know it. The library does
    /// not say its own.
    package func wrapperVersion() async -> String? {
        guard nssWrapper != nil,
            let result = try? await Self.run(
                "/usr/bin/dpkg-query", ["-W", "-f", "${Version}", "libnss-wrapper"]), result.isSuccess
        else { return nil }
        return result.output.isEmpty ? nil : result.output
    }
}
