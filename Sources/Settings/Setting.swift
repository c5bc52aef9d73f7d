// A key and the value that it fills. What a section has in its list is shown in the template with its default, and known to
// messages and to the environment: there is no other place to name it. A key with a path is read by it; one without is read by
// `SettingsBuilder`, together with others (`SettingsKeyTests` sees that each of them is).

/// A part of the settings that keys fill.
protocol SettingsSection: Sendable {
    /// What holds where nothing is said.
    static var standard: Self { get }
}

struct Setting<Section: SettingsSection>: Sendable {
    let key: SettingsKey
    /// Replaces the value in the section when the key is there and good.
    let read: @Sendable (SettingsBuilder, inout Section) -> Void

    /// A key that the checks of `SettingsBuilder` refer to by name.
    init<Value>(
        _ key: SettingsKey, _ path: any WritableKeyPath<Section, Value> & Sendable, _ type: SettingType<Value>
    ) {
        var shown = key
        shown.standard = type.write(Section.standard[keyPath: path])
        self.key = shown
        read = { builder, section in
            guard let value = builder.table[key], let good = type.read(value, builder) else { return }
            section[keyPath: path] = good
        }
    }

    /// A key that is complete by itself.
    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, _ type: SettingType<Value>,
        _ text: String, line: TemplateLine = TemplateLine()
    ) {
        self.init(SettingsKey(name, text, isList: type.isList, line: line), path, type)
    }

    /// A key that means something only together with others: `SettingsBuilder` reads it.
    init(_ key: SettingsKey) {
        self.key = key
        read = { _, _ in }
    }
}

/// The keys of a section in the order in which they are read and messages name them.
@resultBuilder enum SettingsList<Section: SettingsSection> {
    static func buildExpression(_ setting: Setting<Section>) -> Setting<Section> { setting }
    static func buildBlock(_ settings: Setting<Section>...) -> [Setting<Section>] { settings }
}
