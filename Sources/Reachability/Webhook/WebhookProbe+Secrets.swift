// What of a request is secret: never sent in the clear unasked, and never printed though a server may echo it.
import Foundation
import Settings

extension WebhookProbe {
    /// A shorter value of a header or a query is not a secret, and would strike ordinary words.
    private static let shortestValue = 8

    var scrubber: SecretScrubber {
        var secrets: [[UInt8]] = []
        if let pathSecret { secrets.append(pathSecret.bytes) }
        if let basic { secrets += [basic.password.bytes, Array(Self.encoded(basic).utf8)] }
        let query = url.path.drop { $0 != "?" }.dropFirst()
        var values = [query] + query.split(separator: "&").map { $0.drop { $0 != "=" }.dropFirst() }
        // Behind the scheme, as in `Bearer TOKEN`, lies the secret itself.
        for field in fields { values += [field.value[...]] + field.value.split(separator: " ").suffix(1) }
        secrets += values.map { Array($0.utf8) }.filter { $0.count >= Self.shortestValue }
        return SecretScrubber(secrets)
    }

    static func encoded(_ basic: (user: String, password: Secret)) -> String {
        Data(Array("\(basic.user):".utf8) + basic.password.bytes).base64EncodedString()
    }

    /// What plain HTTP would show to everybody on the way; nil when there is nothing of the kind.
    var secretInClear: Diagnosis? {
        guard !url.isTLS else { return nil }
        let names = ["authorization", "proxy-authorization", "cookie"]
        var what: [String] = []
        if pathSecret != nil { what.append("the secret part of the path") }
        if basic != nil || fields.contains(where: { names.contains($0.name.lowercased()) }) {
            what.append("credentials")
        }
        guard !what.isEmpty else { return nil }
        return Diagnosis(
            .secretInClear, isInsecure ? .warning : .critical,
            means: "plain HTTP shows \(what.joined(separator: " and ")) to everybody on the way"
                + (isInsecure ? "" : ", so nothing was sent"),
            next: "use https:// in the URL; in a trial, --insecure sends them all the same")
    }
}
