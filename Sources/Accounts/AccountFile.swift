// The YAML text of one account's file, read strictly: unknown keys, wrong types and bad keys are problems
// with file and line, and one problem is enough for the file to open nothing. No I/O here.
import Admission
import Settings
import Yams

/// `accounts/NAME.yaml`:
///
///     keys:                    # list of OpenSSH public key lines; may be empty when there is a password
///       - ssh-ed25519 AAAA… comment
///     password_hash: "$y$…"    # optional, crypt(3)
///     disabled: false          # optional, default false
///     role: sender             # optional, sender (default) or collector
///     collects: [vsee]         # collectors: accounts whose released drops it may read and acknowledge
///     collects_webhooks: false # collectors: whether webhooks are among them
///     note: Clinic interface   # optional, text
///     created: "2026-11-23T08:15:30.123456Z"   # optional, RFC 3339 or a date
enum AccountFile {
    static let maximumSize = 64 << 10
    private static let keys = [
        "keys", "password_hash", "disabled", "role", "collects", "collects_webhooks", "note", "created",
    ]

    /// Reads the text of a file. `path` is for messages.
    static func parse(
        _ text: String, name: String, path: String
    ) throws(AccountStore.BadFile) -> Account {
        let text = YAMLFile.withoutMark(text)
        let root: Node?
        do {
            root = try tree(of: text)
        } catch {
            throw AccountStore.BadFile(
                errors: SettingsErrors([YAMLFile.problem(error, path: path)]), closes: closes(text, nil))
        }
        var reader = AccountFileReader(path: path)
        let account = reader.read(root, name: name, allowed: keys)
        guard let account, reader.problems.isEmpty else {
            throw AccountStore.BadFile(errors: SettingsErrors(reader.problems), closes: closes(text, root))
        }
        return account
    }

    /// Whether a text that holds no account closes it all the same: `disabled` stands there, or a key that may be meant as that, and its
    /// value is anything but `false`. Of a text that is not YAML each line is looked at.
    static func closes(_ text: String) -> Bool {
        let text = YAMLFile.withoutMark(text)
        return closes(text, try? tree(of: text))
    }

    /// nil for a text without a value.
    private static func tree(of text: String) throws -> Node? {
        try YAMLFile.check(text)
        return try compose(yaml: text, .basic)
    }

    /// - Parameter root: of the text; nil where it is not YAML, too.
    private static func closes(_ text: String, _ root: Node?) -> Bool {
        func isClosing(_ key: String, _ value: String?) -> Bool {
            value != "false" && Suggestion.nearest(to: key, among: keys) == "disabled"
        }
        if case .mapping(let mapping)? = root {
            return mapping.contains { isClosing($0.key.scalar?.string ?? "", $0.value.scalar?.string) }
        }
        return text.split(whereSeparator: \.isNewline).contains { line in
            // A comment.
            guard line.first(where: { !$0.isWhitespace }) != "#" else { return false }
            let words = line.split { " \t:={},\"'".contains($0) }.prefix(2).map { String($0) }
            return words.first.map { isClosing($0, words.dropFirst().first) } ?? false
        }
    }

    /// The text of an account's file.
    static func text(_ account: Account) throws -> String {
        var pairs: [(Node, Node)] = [
            (Node("keys"), Node(account.keys.map { quoted($0.description) }, Tag(.seq), .block))
        ]
        if let hash = account.passwordHash { pairs.append((Node("password_hash"), quoted(hash.text))) }
        pairs.append((Node("disabled"), Node(account.disabled ? "true" : "false")))
        if let scope = account.collects {
            pairs.append((Node("role"), Node(account.role.rawValue)))
            if !scope.accounts.isEmpty {
                pairs.append((Node("collects"), Node(scope.accounts.map(quoted), Tag(.seq), .flow)))
            }
            pairs.append((Node("collects_webhooks"), Node(scope.webhooks ? "true" : "false")))
        }
        if let note = account.note { pairs.append((Node("note"), quoted(note))) }
        if let created = account.created { pairs.append((Node("created"), quoted("\(created)"))) }
        return try serialize(node: Node(pairs, Tag(.map), .block), width: -1, allowUnicode: true)
    }

    private static func quoted(_ text: String) -> Node {
        Node(text, Tag(.str), .doubleQuoted)
    }
}

/// Reads one file and collects what is wrong with it.
private struct AccountFileReader {
    let path: String
    var problems: [SettingsProblem] = []

    init(path: String) { self.path = path }

    private mutating func fail(_ node: Node?, _ key: String, _ message: String) {
        let mark = node?.mark
        let place = Place.file(path, line: mark?.line ?? 0, column: mark?.column ?? 0)
        problems.append(SettingsProblem(place: place, key: key, message: message))
    }

    mutating func read(_ root: Node?, name: String, allowed: [String]) -> Account? {
        guard let values = values(in: root, allowed: allowed) else { return nil }
        do throws(AccountError) {
            return try Account(
                name: name, keys: authorizedKeys(values["keys"]), passwordHash: hash(values["password_hash"]),
                disabled: flag(values["disabled"], "disabled"),
                collects: scope(values),
                note: note(values["note"]),
                created: created(values["created"]))
        } catch {
            fail(nil, "", error.message)
            return nil
        }
    }

    private mutating func values(in root: Node?, allowed: [String]) -> [String: Node]? {
        guard case .mapping(let mapping) = root else {
            // Of comments alone the parser makes nothing, or an empty text.
            let isEmpty = root.map { $0.scalar?.string.isEmpty == true } ?? true
            fail(
                root, "",
                isEmpty
                    ? "holds no account: it is empty, or all of it is a comment; write at least keys or password_hash into it, or "
                        + "remove the file"
                    : "expected a mapping with \(allowed.joined(separator: ", "))")
            return nil
        }
        var values: [String: Node] = [:]
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key, allowed.contains(scalar.string) else {
                let name = key.scalar?.string ?? "?"
                fail(key, KeyText.shown(name) ?? "", KeyText.unknown(name, among: allowed))
                continue
            }
            values[scalar.string] = value
        }
        return values
    }

    private mutating func line(_ node: Node?, _ key: String) -> String? {
        guard let node else { return nil }
        guard case .scalar(let scalar) = node, !scalar.string.isEmpty,
            !scalar.string.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else {
            fail(node, key, "expected text on one line")
            return nil
        }
        return scalar.string
    }

    private mutating func note(_ node: Node?) -> String? {
        guard let text = line(node, "note") else { return nil }
        guard UntrustedText.isName(text) else {
            fail(node, "note", UntrustedText.noName)
            return nil
        }
        return text
    }

    private mutating func authorizedKeys(_ node: Node?) -> [AuthorizedKey] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node else {
            fail(node, "keys", "expected a list of public key lines")
            return []
        }
        var keys: [AuthorizedKey] = []
        for (index, item) in sequence.enumerated() {
            guard let line = line(item, "keys[\(index)]") else { continue }
            do throws(AccountError) {
                keys.append(try AuthorizedKey(line))
            } catch {
                fail(item, "keys[\(index)]", error.message)
            }
        }
        return keys
    }

    private mutating func hash(_ node: Node?) -> PasswordHash? {
        guard let node, let text = line(node, "password_hash") else { return nil }
        do throws(AccountError) {
            return try PasswordHash(hash: text)
        } catch {
            fail(node, "password_hash", error.message)
            return nil
        }
    }

    private mutating func scope(_ values: [String: Node]) -> CollectScope? {
        let accounts = names(values["collects"])
        let webhooks = flag(values["collects_webhooks"], "collects_webhooks")
        let role = values["role"]
        switch role.map({ $0.scalar.flatMap { Account.Role(rawValue: $0.string) } }) ?? .sender {
        case .sender?:
            for key in ["collects", "collects_webhooks"] {
                guard let node = values[key] else { continue }
                fail(node, key, "only a collector collects; add role: collector, or remove this")
            }
            return nil
        case .collector?:
            do throws(AccountError) {
                return try CollectScope(accounts: accounts, webhooks: webhooks)
            } catch {
                fail(values["collects"] ?? role, "collects", error.message)
                return nil
            }
        case nil:
            fail(role, "role", "expected sender or collector")
            return nil
        }
    }

    private mutating func names(_ node: Node?) -> [String] {
        guard let node else { return [] }
        guard case .sequence(let sequence) = node else {
            fail(node, "collects", "expected a list of account names")
            return []
        }
        return sequence.enumerated().compactMap { line($1, "collects[\($0)]") }
    }

    private mutating func flag(_ node: Node?, _ key: String) -> Bool {
        guard let node else { return false }
        let word = node.scalar?.string
        if word != "true", word != "false" { fail(node, key, "expected true or false") }
        return word == "true"
    }

    private mutating func created(_ node: Node?) -> Instant? {
        guard let node, let text = line(node, "created") else { return nil }
        guard let instant = Instant(rfc3339: text) else {
            fail(node, "created", "expected a time (2026-11-23T08:15:30Z) or a date (2026-11-23)")
            return nil
        }
        return instant
    }
}
