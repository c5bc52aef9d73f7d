// A change of one entry of a source list: what it would come to, and the change itself.
package import Admission
import Files
import Foundation
package import JSON
import Ledger
import Settings

package enum SourceChange: Sendable {
    /// - list: the list's name or file; nil where there is only one.
    /// - entry: made for the list's name.
    case add(list: String?, entry: @Sendable (String) -> SourceEntry)
    /// When the entry of this id is looked at again.
    case review(String, by: Instant)
    /// From when on it does not match any more.
    case expire(String, at: Instant)
    case remove(String)

    /// The command, as entries name it.
    var command: String {
        switch self {
        case .add: "source add"
        case .review: "source review"
        case .expire: "source expire"
        case .remove: "source remove"
        }
    }

    fileprivate var sign: String {
        switch self {
        case .add: "+"
        case .review, .expire: "~"
        case .remove: "-"
        }
    }
}

/// What a change of the lists would come to.
package struct SourcePreview: Sendable {
    /// The version of the lists that it changes: a change of other lists is not what was looked at.
    package let base: String
    package let file: String
    /// "+ …", "- …" or "~ …", a line for each entry that differs.
    package let difference: [String]
    /// Who called in the last 30 days and would be decided otherwise; nil: there is no ledger yet.
    package let effect: DecisionChanges?
    /// The command that makes the change, where this process may not write the list: installed as a service, the gate may not.
    package var typed: String?

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "base": .string(base), "file": .string(file),
            "difference": .array(difference.map(JSONValue.string)),
        ]
        members["decided_otherwise"] = effect.map { .array($0.all.map(\.json)) }
        members["complete"] = effect.map { .bool($0.isComplete) }
        return .object(members)
    }
}

/// Methods throw `ManagementError`, `LedgerError` or `SettingsErrors`; `make` throws `FileError`, too.
extension SourceService {
    /// It changes nothing.
    package func preview(
        _ change: SourceChange, now: Instant = .now(), place: LocalTime = .utc
    ) throws -> SourcePreview {
        let edit = try edit(change, now, place)
        var preview: SourcePreview
        do {
            preview = try self.preview(of: [edit.path: edit.text], file: edit.path, now: now)
        } catch let error as SettingsErrors {
            throw ListChoice.unchanged(error.unwritten(in: edit.path))
        }
        if !Self.mayReplace(edit.path) { preview.typed = edit.touched.first.map(change.typed) }
        return preview
    }

    /// What other texts of list files would come to, by file.
    package func preview(
        of texts: [String: String], file: String, now: Instant = .now()
    ) throws -> SourcePreview {
        let old = try fileLists()
        let new = try PolicyLoader.load(files: settings.sources, instead: texts)
        return SourcePreview(
            base: old.version, file: file, difference: new.difference(from: old),
            effect: try decidedDifferently(by: new, than: old, now: now))
    }

    /// A list is replaced by a file that is written beside it.
    private static func mayReplace(_ file: String) -> Bool {
        access(Paths.directory(of: file), W_OK) == 0
    }

    /// The file of the list of this name, or the only one there is.
    package func file(ofList list: String?) throws -> String {
        try ListChoice.editor(list, of: settings).path
    }

    /// Makes a change in the list's file; the gate takes it over within a second.
    /// - Parameters:
    ///   - base: the version of the lists that the change was looked at with; refused where they are others by now.
    ///   - attribution: who makes it and why, for the ledger.
    ///   - warn: told of what could not be recorded.
    package func make(
        _ change: SourceChange, base: String, by attribution: Attribution, now: Instant = .now(),
        place: LocalTime = .utc, warn: @escaping @Sendable (String) -> Void
    ) async throws {
        let made = try await replace {
            let edit = try self.edit(change, now, place)
            guard try fileLists().version == base else {
                throw ManagementError(
                    .refused, "the lists have changed since you looked at this change",
                    fix: "look at the change again, then make it")
            }
            guard Self.mayReplace(edit.path) else {
                throw ManagementError(
                    .refused, "this process may not change \(edit.path)",
                    fix: edit.touched.first.map { "run as the owner of the lists: \(change.typed($0))" })
            }
            return edit
        }
        await record(change.command, made, change.sign, attribution, warn)
    }

    private func edit(
        _ change: SourceChange, _ now: Instant, _ place: LocalTime
    ) throws -> SourceListEditor.Edit {
        switch change {
        case .add(let list, let make):
            let editor = try ListChoice.editor(list, of: settings)
            let entry = make(editor.name)
            try Self.check(new: entry, now, place)
            return try ListChoice.change { try editor.adding(entry) }
        case .review(let id, let moment):
            guard now < moment else {
                throw ManagementError(
                    .invalid, "the review would be overdue at once", fix: "give a day in the future")
            }
            return try ListChoice.change { try editor(ofEntry: id).setting(.reviewBy, of: id, to: moment) }
        case .expire(let id, let moment):
            return try ListChoice.change { try editor(ofEntry: id).setting(.expires, of: id, to: moment) }
        case .remove(let id):
            return try ListChoice.change { try editor(ofEntry: id).removing(id: id) }
        }
    }

    private func editor(ofEntry id: String) throws -> SourceListEditor {
        for file in settings.sources {
            let editor = try SourceListEditor(file: file)
            if editor.entries.contains(where: { $0.id == id }) { return editor }
        }
        throw Self.unknown(id)
    }

    private static func unknown(_ id: String) -> ManagementError {
        ManagementError(
            .refused, "there is no entry \(UntrustedText.head(id)) in the source lists",
            fix: "`dropgate source list` shows what there is")
    }
}
