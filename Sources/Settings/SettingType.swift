// What a key's value may be: how it is read, with its bounds, and how a default is written in the template.

struct SettingType<Value: Sendable>: Sendable {
    var isList = false
    /// nil after saying what is wrong and what is allowed.
    let read: @Sendable (YAMLValue, SettingsBuilder) -> Value?
    /// The value as YAML; nil: there is nothing to show.
    let write: @Sendable (Value) -> String?
}

extension SettingType where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(read: { value, _ in value.integer(in: range) }, write: { "\($0)" })
    }

    /// Bytes.
    static func size(_ range: ClosedRange<Int64>) -> Self {
        Self(
            read: { value, _ in value.size(in: range).map { Int($0) } },
            write: { Quantity.text(size: Int64($0)) })
    }
}

extension SettingType where Value == Int64 {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(read: { value, _ in value.integer(in: range).map { Int64($0) } }, write: { "\($0)" })
    }

    /// Bytes.
    static func size(_ range: ClosedRange<Int64>) -> Self {
        Self(read: { value, _ in value.size(in: range) }, write: { Quantity.text(size: $0) })
    }
}

extension SettingType where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> Self {
        Self(read: { value, _ in value.duration(in: range) }, write: { Quantity.plain(duration: $0) })
    }
}

extension SettingType where Value == Duration? {
    static func durationOrForever(_ range: ClosedRange<Duration>) -> Self {
        Self(
            read: { value, _ in value.durationOrForever(in: range) },
            write: { $0.map { Quantity.plain(duration: $0) } ?? "forever" })
    }
}

extension SettingType where Value == Bool {
    static var flag: Self { Self(read: { value, _ in value.flag() }, write: { $0 ? "true" : "false" }) }
}

extension SettingType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words of an enumeration.
    static var word: Self { Self(read: { value, _ in value.word(Value.self) }, write: { $0.rawValue }) }
}

extension SettingType where Value == String? {
    /// A group of the system; whether there is one is seen when it is needed.
    static var groupName: Self {
        Self(read: { value, builder in builder.groupName(value).map(Optional.some) }, write: { $0 })
    }
}

extension SettingType where Value == String {
    /// A file or directory; a relative one starts at the directory of the settings file.
    static var path: Self { Self(read: { value, builder in builder.path(value) }, write: { $0 }) }

    static var requestPath: Self {
        Self(read: { value, builder in builder.requestPath(value) }, write: { $0 })
    }

    static var nodeName: Self {
        Self(read: { value, builder in builder.nodeName(value) }, write: { _ in nil })
    }
}

extension SettingType where Value == [String] {
    /// Files that may be missing, and shell patterns of files.
    static var rulePatterns: Self {
        Self(isList: true, read: { value, builder in builder.rulePatterns(value) }, write: flow)
    }

    /// Shell patterns of temporary names.
    static var temporaryNames: Self {
        Self(isList: true, read: { value, builder in builder.temporaryNames(value) }, write: quoted)
    }

    private static func flow(_ texts: [String]) -> String? { "[\(texts.joined(separator: ", "))]" }

    /// With quotes around what holds more than letters, digits, - and _.
    private static func quoted(_ texts: [String]) -> String? {
        flow(
            texts.map { text in
                text.allSatisfy { $0.isLetter || $0.isNumber || "-_".contains($0) } ? text : "\"\(text)\""
            })
    }
}

extension SettingType where Value == [WitnessSettings] {
    static var witnesses: Self {
        Self(
            isList: true, read: { value, builder in value.list(of: { builder.witness($0) }) },
            write: { _ in nil })
    }
}
