// Which list file `source add` and `source remove` change.
import Files
import Settings

enum ListChoice {
    /// The list of that name or file, or the only one there is.
    static func editor(_ choice: String?, of settings: GateSettings) throws -> SourceListEditor {
        let editors = try settings.sources.map { (file: $0, editor: try SourceListEditor(file: $0)) }
        guard let choice else {
            guard let only = editors.first, editors.count == 1 else {
                let names = editors.map(\.editor.name).joined(separator: ", ")
                throw ManagementError(
                    .invalid, "there are \(editors.count) source lists (\(names))",
                    fix: "say which one with --list")
            }
            return only.editor
        }
        let path = Paths.absolute(choice)
        guard let chosen = editors.first(where: { $0.editor.name == choice || $0.file == path }) else {
            let names = editors.map(\.editor.name).joined(separator: ", ")
            throw ManagementError(.invalid, "--list: no list \(choice); there are: \(names)")
        }
        return chosen.editor
    }

    static func change<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let refusal as SourceListEditor.Refusal {
            throw ManagementError(.refused, "\(refusal)")
        }
    }
}
