// An entry's members, each as a line: all of them, whatever they are. Pure.
import Admission
import JSON

struct Fact: Sendable {
    /// As it is called in the entry: `request.path`.
    let name: String
    let value: String
    /// The page that tells more of it.
    let link: String?

    static func all(of entry: JSONValue) -> [Fact] {
        facts(entry, "").filter { !$0.name.hasPrefix("detail.trace") }
    }

    private static func facts(_ value: JSONValue, _ name: String) -> [Fact] {
        switch value {
        case .object(let members):
            members.sorted { $0.key < $1.key }.flatMap { facts($1, name.isEmpty ? $0 : "\(name).\($0)") }
        case .array(let items):
            items.flatMap { facts($0, name) }
        case .string(let text): [Fact(name: name, value: text, link: link(name, text))]
        case .int(let number): [Fact(name: name, value: "\(number)", link: nil)]
        case .bool(let flag): [Fact(name: name, value: flag ? "yes" : "no", link: nil)]
        }
    }

    private static func link(_ name: String, _ text: String) -> String? {
        switch name {
        case "source.ip", "peer.ip": "/sources/explain" + Pages.query(["ip": text])
        case "drop.id", "detail.drop": "/drops/" + text
        case "entries": "/sources/entry" + Pages.query(["id": text])
        default: nil
        }
    }
}
