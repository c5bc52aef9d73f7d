// One source list file to its entries, strictly: what it cannot read fully it refuses. Defaults that stand
// at the top of a list are laid under each entry here, so a policy knows entries only.
import Admission
import Files

package struct SourceListReader {
    /// Keys that a list may give once for all of its entries.
    private static let shared = [
        "document", "owner", "review_by", "expires", "channels", "mode", "note", "expect",
    ]
    private static let listKeys = ["name"] + shared + ["entries"]
    private static let entryKeys = ["cidr", "service", "id"] + shared

    struct Located {
        var entry: SourceEntry
        var value: YAMLValue
    }

    struct Contents {
        var name: String
        var namePlace: Place
        /// The list says a mode for all of its entries.
        var hasMode: Bool
        /// The list names a document for all of its entries.
        var hasDocument: Bool
        var entries: [Located]
    }

    let file: String
    let log: ProblemLog

    /// nil after logging; what stands in the answer is good even when other parts were not.
    func read(_ root: YAMLValue) -> Contents? {
        guard let values = root.mapping(allowing: Self.listKeys) else { return nil }
        let fallback =
            Paths.lastComponent(of: file).split(separator: ".").first.map(String.init) ?? "list"
        // Of a list with a bad name everything else is read all the same.
        let name = values["name"].map(Self.name) ?? .some(fallback)
        guard let list = values["entries"] else {
            log.missing(
                .file(file), "entries", "list the addresses that may call in, as in entries: [{cidr: …}]")
            return nil
        }
        guard let items = list.list("a list of entries") else { return nil }
        if items.isEmpty {
            list.fail(
                "the list is empty; an empty list admits nobody, so remove the file if that is what you want")
        }
        var entries: [Located] = []
        // A list may be long: what is looked for in it is found by what it is.
        var twins: [Twin: [Located]] = [:]
        var namesakes: [String: Located] = [:]
        for item in items {
            guard let entry = entry(item, list: name ?? fallback, defaults: values) else { continue }
            let (located, id) = (Located(entry: entry, value: item), entry.id)
            let key = Twin(service: entry.service, cidr: entry.cidr)
            if let twin = twins[key]?.first(where: { !$0.entry.channels.isDisjoint(with: entry.channels) }) {
                item.fail("\(entry.service) \(entry.cidr) is already given at \(twin.value.place)")
            } else {
                // At most one for each channel.
                twins[key, default: []].append(located)
                if let namesake = namesakes[id] {
                    item.fail(
                        "\(id) is also the entry at \(namesake.value.place), and the ledger names entries by this; give one "
                            + "of them an id of its own, as in id: \(entry.service)-2")
                }
            }
            if namesakes[id] == nil { namesakes[id] = located }
            entries.append(located)
        }
        return Contents(
            name: name ?? fallback, namePlace: values["name"]?.place ?? .file(file),
            hasMode: values["mode"] != nil,
            hasDocument: values["document"].map { !Self.isNone($0) } ?? false, entries: entries)
    }

    /// What entries of one list share that may not both be for one channel.
    private struct Twin: Hashable {
        var service: String
        var cidr: CIDRBlock
    }

    private func entry(_ item: YAMLValue, list: String, defaults: [String: YAMLValue]) -> SourceEntry? {
        guard item.isMapping else {
            item.fail("expected an entry, as in {cidr: 20.21.208.105, service: clinic, channels: [webhook]}")
            return nil
        }
        guard let own = item.mapping(allowing: Self.entryKeys) else { return nil }
        func value(_ key: String) -> YAMLValue? { own[key] ?? defaults[key] }
        func need<T>(_ key: String, _ help: String, _ read: (YAMLValue) -> T?) -> T? {
            guard let value = value(key) else {
                // The list may say it for all of its entries.
                if !log.explains(key) { item.missing(key, help) }
                return nil
            }
            return read(value)
        }
        let cidr = need("cidr", "write an address or a CIDR block, as in 20.21.208.105") { $0.block() }
        let service = need("service", "name the service that calls, as in clinic", Self.name)
        let ownID = own["id"].flatMap(Self.name)
        let channels = need("channels", "write [webhook], [sftp] or [webhook, sftp]", Self.channels)
        // Each is read even when another failed, so that all problems are named at once.
        let document = value("document").flatMap(Self.document)
        let owner = value("owner").flatMap { $0.text("who answers for the entry") }
        let reviewBy = value("review_by").flatMap { $0.instant() }
        let expires = value("expires").flatMap { $0.instant() }
        let mode = value("mode").flatMap { $0.word(SourceEntry.Mode.self) }
        let note = value("note").flatMap { $0.paragraph() }
        let expect = value("expect").map { ExpectedContactReader.read($0, channels: channels) } ?? [:]
        guard let cidr, let service, let channels else { return nil }
        var entry = SourceEntry(
            list: list, service: service, cidr: cidr, channels: channels, document: document, owner: owner,
            reviewBy: reviewBy, expires: expires, mode: mode ?? .enforce, note: note)
        entry.expect = expect
        if ownID != service { entry.ownID = ownID }
        return entry
    }

    private static func name(_ value: YAMLValue) -> String? {
        guard let text = value.text("a name") else { return nil }
        guard isName(text) else {
            value.fail(noName(text))
            return nil
        }
        return text
    }

    /// Whether a text can be a service or an id.
    package static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.allSatisfy(SettingsBuilder.isNameCharacter)
    }

    /// What is said about a text that cannot.
    package static func noName(_ text: String) -> String {
        "\(ValueText.quoted(text)) is not a name; use up to 64 letters, digits, '.', '-' and '_'"
    }

    /// The channels that a source list can open.
    private enum Listed: String, CaseIterable { case webhook, sftp }

    private static func channels(_ value: YAMLValue) -> Set<Channel>? {
        guard let words = value.list(of: { $0.word(Listed.self) }) else { return nil }
        guard !words.isEmpty else {
            value.fail("names no channel; write [webhook], [sftp] or [webhook, sftp]")
            return nil
        }
        return Set(words.compactMap { Channel(rawValue: $0.rawValue) })
    }

    /// The word that says that no document publishes an entry, where the list names one for the others.
    static let noDocument = "none"

    private static func isNone(_ value: YAMLValue) -> Bool { value.written == noDocument }

    private static func document(_ value: YAMLValue) -> SourceEntry.Document? {
        if isNone(value) { return nil }
        guard let values = value.mapping(allowing: ["title", "page", "read"]) else { return nil }
        for key in ["title", "read"] where values[key] == nil {
            value.missing(key, "say what was read and on which day")
        }
        let page = values["page"].flatMap { $0.text() }
        let (title, read) = (values["title"]?.text(), values["read"]?.date())
        guard let title, let read else { return nil }
        return SourceEntry.Document(title: title, page: page, read: read)
    }
}
