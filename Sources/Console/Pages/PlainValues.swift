// What a template is filled with, as dictionaries: swift-mustache finds a member of a struct by a mirror for each time that it is named,
// which took half of a page's time. Here each struct is mirrored once.

enum PlainValues {
    /// A struct as a dictionary by its members' names, a collection as an array, both all the way down; nil for an optional without a
    /// value. Anything else stays as it is.
    static func of(_ value: Any) -> Any? {
        switch value {
        case let text as String: return text
        case let flag as Bool: return flag
        case let number as Int64: return number
        case let number as Int: return number
        default: break
        }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.flatMap { of($0.value) }
        case .collection: return mirror.children.compactMap { of($0.value) }
        case .struct:
            var members: [String: Any] = [:]
            for child in mirror.children {
                guard let name = child.label, let value = of(child.value) else { continue }
                members[name] = value
            }
            return members
        default: return value
        }
    }
}
