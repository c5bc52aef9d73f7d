// The values of a settings file by key, with the environment laid over them. It checks names, not values.
import Admission
import Yams

struct SettingsTable {
    /// The settings file, absolute: what relative paths start from.
    let file: String
    let log: ProblemLog
    private var values: [SettingsKey: YAMLValue] = [:]
    private var sections: [String: Place] = [:]

    init(file: String, root: YAMLValue, environment: [String: String]) {
        self.file = file
        self.log = root.log
        walk(root, section: "")
        overlay(environment)
    }

    /// A problem with a key that may or may not be there; it points at the key, its section or the file.
    func fail(_ key: SettingsKey, _ message: String) {
        log.add(place(of: key), key.name, message)
    }

    subscript(key: SettingsKey) -> YAMLValue? { values[key] }

    /// Whether the file or the environment says anything of a section.
    func has(section: String) -> Bool {
        sections[section] != nil || values.keys.contains { $0.name.hasPrefix(section + ".") }
    }

    /// Whether somebody wrote the key or section, be it under a wrong name or in a wrong form: then it is not what is missed.
    func isMeant(_ name: String) -> Bool {
        has(section: name) || values.keys.contains { $0.name == name } || log.explains(name)
    }

    /// Whether something was wrong with the key's own value, or with its name.
    func isBad(_ key: SettingsKey) -> Bool { isBad(key.name) }

    func isBad(_ key: String) -> Bool {
        log.explains(key) || log.problems.contains { $0.key == key || $0.key.hasPrefix(key + "[") }
    }

    /// The value of a key that must be there; nil after logging.
    func require<Value>(_ key: SettingsKey, _ help: String, _ parse: (YAMLValue) -> Value?) -> Value? {
        guard let value = values[key] else {
            log.missing(place(of: key), key.name, help)
            return nil
        }
        return parse(value)
    }

    /// Where a section begins, or the section around it, or the file.
    func place(ofSection name: String) -> Place {
        var section = Substring(name)
        while true {
            if let place = sections[String(section)] { return place }
            guard let dot = section.lastIndex(of: ".") else { return .file(file) }
            section = section[..<dot]
        }
    }

    private func place(of key: SettingsKey) -> Place {
        values[key]?.place ?? place(ofSection: key.name)
    }

    private mutating func walk(_ value: YAMLValue, section: String) {
        guard let found = value.mapping(allowing: SettingsKey.names(below: section)) else { return }
        if !section.isEmpty { sections[section] = value.keyPlace }
        for value in found.values {
            if let key = SettingsKey.byName[value.key] {
                values[key] = value
            } else {
                walk(value, section: value.key)
            }
        }
    }

    private mutating func overlay(_ environment: [String: String]) {
        var known = ["DROPGATE_CONFIG"]
        for key in SettingsKey.all {
            let name = key.environmentName
            known.append(name)
            guard let text = environment[name] else { continue }
            let place = Place.environment(name)
            // A scalar is taken as it is: "[::]:8443" is an address here, though not plain YAML.
            let node = key.isList ? YAMLFile.flow(text) : Node(text)
            guard let node else {
                log.add(place, key.name, "not a YAML list; write it as in [a, b]")
                continue
            }
            values[key] = YAMLValue(node: node, key: key.name, place: place, log: log)
        }
        for (name, text) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix("DROPGATE_") && !known.contains(name) && !Self.isServiceLink(name, text) {
            let near = Suggestion.nearest(to: name, among: known)
            let advice = near.map { "did you mean \($0)?" } ?? "see dropgate serve --help"
            log.add(.environment(name), "", "names no setting; \(advice)")
            // The words that all names share would make every name near.
            let own = { (name: String) in String(name.dropFirst("DROPGATE_".count)) }
            let meant = Suggestion.nearest(to: own(name), among: known.map(own))
            log.unknown(name, meant: SettingsKey.all.first { own($0.environmentName) == meant }?.name)
        }
    }

    /// Whether Kubernetes has set it, for a service whose name begins with "dropgate" ("Accessing the Service", environment
    /// variables): nobody means a setting by it.
    private static func isServiceLink(_ name: String, _ text: String) -> Bool {
        let words = name.split(separator: "_")
        func isNumber(_ text: some StringProtocol) -> Bool {
            !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        if name.hasSuffix("_SERVICE_HOST") { return (try? IPAddress(text)) != nil }
        if name.contains("_SERVICE_PORT") { return isNumber(text) }
        let isOfPort = words.indices.dropLast(2).contains {
            words[$0] == "PORT" && isNumber(words[$0 + 1]) && ["TCP", "UDP", "SCTP"].contains(words[$0 + 2])
        }
        return isOfPort
            || words.last == "PORT" && ["tcp://", "udp://", "sctp://"].contains { text.hasPrefix($0) }
    }
}
