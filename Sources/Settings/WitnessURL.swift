// What may be shown of a URL: logs, figures and messages are read by more people than the settings are. It looks at the
// text alone, so that it holds for what is no URL too.

package enum WitnessURL {
    /// Without user, password, query and fragment (RFC 3986 section 3): `https://host/path`.
    package static func shown(_ text: String) -> String {
        let shown = text.prefix { $0 != "?" && $0 != "#" }
        guard let authority = authority(of: shown), let at = authority.lastIndex(of: "@") else {
            return String(shown)
        }
        return String(shown[..<authority.startIndex] + shown[shown.index(after: at)...])
    }

    /// Whether a user or a password is written before the host.
    package static func hasUser(_ text: String) -> Bool {
        authority(of: text[...])?.contains("@") == true
    }

    private static func authority(of text: Substring) -> Substring? {
        guard let scheme = text.firstRange(of: "://") else { return nil }
        return text[scheme.upperBound...].prefix { !"/?#\\".contains($0) }
    }
}
