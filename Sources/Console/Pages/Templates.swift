// The pages' templates (mustache(5)), which the program carries, and how text gets into them.
import Audit
import Mustache

struct Templates: Sendable {
    private let library: MustacheLibrary

    /// Throws for a template that cannot be parsed.
    init() throws {
        MustacheContentTypes.register(PageText(), named: PageText.name)
        var library = MustacheLibrary()
        for (name, bytes) in Self.all {
            let text = String(decoding: bytes, as: UTF8.self)
            try library.register("{{% CONTENT_TYPE: \(PageText.name)}}\n\(text)", named: name)
        }
        self.library = library
    }

    /// A page of a template, in the common frame.
    func render(_ name: String, frame: Frame, _ page: any Sendable) -> String {
        let values = ["frame": PlainValues.of(frame), "page": PlainValues.of(page)].compactMapValues(\.self)
        return library.render(values, withTemplate: name) ?? ""
    }

    /// A piece of a page.
    func render(_ name: String, _ value: any Sendable) -> String {
        PlainValues.of(value).flatMap { library.render($0, withTemplate: name) } ?? ""
    }

    static let all: [String: [UInt8]] = [
        "layout": PackageResources.layout_mustache,
        "login": PackageResources.login_mustache,
        "message": PackageResources.message_mustache,
        "overview": PackageResources.overview_mustache,
        "attempts": PackageResources.attempts_mustache,
        "attempt": PackageResources.attempt_mustache,
        "attempt-rows": PackageResources.attempt_rows_mustache,
        "sources": PackageResources.sources_mustache,
        "source": PackageResources.source_mustache,
        "source-change": PackageResources.source_change_mustache,
        "explain": PackageResources.explain_mustache,
        "drops": PackageResources.drops_mustache,
        "drop": PackageResources.drop_mustache,
        "reachability": PackageResources.reachability_mustache,
        "rules": PackageResources.rules_mustache,
        "ledger": PackageResources.ledger_mustache,
        "report": PackageResources.report_mustache,
        "job": PackageResources.job_mustache,
        "reference": PackageResources.reference_mustache,
    ]
}

/// Text in pages; its lines stay lines.
struct PageText: MustacheContentType {
    static let name = "DROPGATE"

    func escapeText(_ text: String) -> String {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map {
            HTML.escaped(String($0))
        }.joined(separator: "\n")
    }
}
