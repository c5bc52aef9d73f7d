// Which list file `source add` and `source remove` change.
import Files
import Settings

enum ListChoice {
    /// The list of that name or file, or the only one there is.
    static func editor(_ choice: String?, of settings: GateSettings) throws -> SourceListEditor {
        let editors = try settings.sources.map { (file: $0, editor: try SourceListEditor(file: $0)) }
        guard !editors.isEmpty else {
            let patterns = settings.sourcePatterns.joined(separator: ", ")
            throw ManagementError(
                .configuration,
                "there is no source list: sources in the settings names no file (\(patterns))",
                fix: "write one; `dropgate init` makes it where sources is a pattern such as DIR/*.yaml")
        }
        let names = editors.map { "\($0.editor.name) (\($0.file))" }.joined(separator: ", ")
        guard let choice else {
            guard let only = editors.first, editors.count == 1 else {
                throw ManagementError(
                    .invalid, "there are \(editors.count) source lists (\(names))",
                    fix: "say which one with --list")
            }
            return only.editor
        }
        let path = Paths.absolute(choice)
        guard let chosen = editors.first(where: { $0.editor.name == choice || $0.file == path }) else {
            throw ManagementError(
                .invalid,
                choice.contains("/") || choice.hasSuffix(".yaml")
                    ? "--list: \(path) is not a list that `sources` in the settings names; those are: \(names)"
                    : "--list: no list \(choice); there are: \(names)")
        }
        return chosen.editor
    }

    /// Of an edit that is not made nothing is written.
    static func change<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let refusal as SourceListEditor.Refusal {
            throw ManagementError(.refused, "nothing was changed: \(refusal)")
        } catch let errors as SettingsErrors {
            throw unchanged(errors)
        }
    }

    private static let mostTold = 3

    /// The lists would be bad.
    static func unchanged(_ errors: SettingsErrors) -> ManagementError {
        let told = errors.problems.prefix(mostTold).map { "\($0)" }.joined(separator: "; ")
        let left = errors.problems.count - mostTold
        return ManagementError(
            .configuration,
            "nothing was changed, because the lists would have mistakes: \(told)"
                + (left > 0 ? " (and \(left) more)" : ""))
    }
}
