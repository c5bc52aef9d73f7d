// A change of a source list as a command that makes it, for who may and this process may not. Pure.
import Admission

extension SourceChange {
    /// One line for a shell.
    /// - Parameter entry: that it is about.
    func typed(_ entry: SourceEntry) -> String {
        let words: [String] =
            switch self {
            case .add(let list, _): Self.words(of: entry, list)
            case .review(let id, let moment): ["source", "review", id, "--by", moment.description]
            case .expire(let id, let moment): ["source", "expire", id, "--at", moment.description]
            case .remove(let id): ["source", "remove", "--id", id]
            }
        return (["sudo", "dropgate"] + words.map(Self.quoted)).joined(separator: " ")
    }

    private static func words(of entry: SourceEntry, _ list: String?) -> [String] {
        var words = ["source", "add", entry.cidr.description, "--service", entry.service]
        func add(_ option: String, _ value: String?) {
            if let value { words += ["--\(option)", value] }
        }
        add("id", entry.ownID)
        for channel in entry.channelWords { add("channel", channel) }
        add("list", list)
        add("document", entry.document?.title)
        add("page", entry.document?.page)
        add("read", entry.document?.read)
        add("owner", entry.owner)
        add("review-by", entry.reviewBy?.description)
        add("expires", entry.expires?.description)
        add("mode", entry.mode == .enforce ? nil : entry.mode.rawValue)
        add("note", entry.note)
        return words
    }

    /// For sh(1): in single quotes, unless it has nothing that means something there.
    private static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy {
            (0x30...0x3A).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || "-_./".utf8.contains($0)
        }
        return plain && !word.isEmpty
            ? word : "'\(UntrustedText.replacing(in: word) { $0 == "'" ? "'\\''" : nil })'"
    }
}
