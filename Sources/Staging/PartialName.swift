// What the files of one upload are called in `parts/`, by its drop id. Pure.

enum PartialName {
    private static let bytesSuffix = ".part"

    static func bytes(_ drop: String) -> String { drop + bytesSuffix }
    static func sidecar(_ drop: String) -> String { drop + ".json" }
    /// The sidecar of an upload that was handed over to be accepted.
    static func sealed(_ drop: String) -> String { drop + ".sealed" }
    /// A sidecar that is being written.
    static func new(_ drop: String) -> String { drop + ".new" }

    static func drop(ofBytes name: String) -> String? {
        guard name.hasSuffix(bytesSuffix) else { return nil }
        let drop = String(name.dropLast(bytesSuffix.count))
        return DropID.isValid(drop) ? drop : nil
    }
}
