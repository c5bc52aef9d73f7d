// All source list files to one Policy, or all that is wrong with them. The caller keeps its old policy on errors.
package import Admission
package import Files

package enum PolicyLoader {
    /// The files that absolute patterns name now, sorted, each once. A path without wildcards stands for itself.
    package static func files(_ patterns: [String]) -> FoundFiles { Paths.glob(patterns) }

    /// `files` are absolute. A place among them that could not be looked at is a problem: its lists would be taken for gone. Two lists
    /// of one name are a problem: an entry's id must say where it stands. `isForGate`: the policy is to decide on callers, so files
    /// that others may have changed are a problem.
    /// - Parameter instead: texts that files are taken to hold, by file: what lists would be.
    package static func load(
        files: FoundFiles, isForGate: Bool = false, instead: [String: String] = [:]
    ) throws(SettingsErrors) -> Policy {
        let log = ProblemLog()
        let entries = read(files, isForGate: isForGate, instead: instead, log: log)
        if files.isEmpty {
            log.add(.file("sources"), "", "names no source list; `dropgate init` makes the first one")
        }
        try log.throwIfAny()
        do throws(PolicyError) {
            return try Policy(entries: entries)
        } catch {
            let place = Place.file(files.first ?? "sources")
            throw SettingsErrors([SettingsProblem(place: place, key: "", message: error.message)])
        }
    }

    /// What is good of the files; the rest is in the log.
    @discardableResult
    static func read(
        _ files: FoundFiles, isForGate: Bool, instead: [String: String] = [:], log: ProblemLog
    ) -> [SourceEntry] {
        var entries: [SourceEntry] = []
        var names: [String: String] = [:]
        for file in files {
            let hidden = files.unseen[file].map { unseen(file, $0) } ?? closed(file)
            if instead[file] == nil, let hidden {
                log.add(hidden)
                continue
            }
            if isForGate {
                do throws(FileError) { try FileTrust.check(file) } catch {
                    log.add(.file(file), "", error.message)
                    continue
                }
            }
            // A problem of another file explains nothing in this one.
            let own = ProblemLog()
            defer { log.add(own) }
            let text = instead[file]
            guard
                let root = text.map({ YAMLFile.parse($0, path: file, log: own) })
                    ?? YAMLFile.read(file, isFromSettings: true, log: own),
                let contents = SourceListReader(file: file, log: own).read(root)
            else { continue }
            if let other = names.updateValue(file, forKey: contents.name) {
                own.add(
                    contents.namePlace, "name",
                    "\(contents.name) is also the name of \(other); give each its own")
            }
            entries += contents.entries.map(\.entry)
        }
        return entries
    }

    /// What to say of a place that could not be looked through for lists.
    private static func unseen(_ place: String, _ error: SystemError) -> SettingsProblem {
        if error.isDenial, let barrier = Presence.barrier(place) {
            return denial(barrier, isList: false, isFound: true)
        }
        return SettingsProblem(
            place: .file(place), key: "", message: "cannot look for source lists here: \(error)")
    }

    /// What to say of lists that this process may not read: by the file or the directory that keeps it out, and to the gate's user, whose
    /// right to read them is what counts. nil where it may.
    static func closed(_ file: String) -> SettingsProblem? {
        guard let place = Presence.barrier(file) else { return nil }
        return denial(place, isList: place == file && !Presence.isDirectory(file))
    }

    /// - Parameter isFound: a pattern led there, which may hold no list at all: `lost+found`, say.
    static func denial(_ place: String, isList: Bool, isFound: Bool = false) -> SettingsProblem {
        let (what, rights) =
            isList ? ("this list", "g+r") : ("this directory, in which source lists may be", "g+rx")
        let instead = isFound ? ", or name your lists by a pattern that leaves it out" : ""
        return SettingsProblem(
            place: .file(place), key: "",
            message:
                "permission denied: \(SystemUser.own) may not read \(what); the gate's user must be able to read it. "
                + "As root, chgrp it to a group of that user and chmod \(rights) it\(instead); then run this as that user"
        )
    }
}
