// All source list files to one Policy, or all that is wrong with them. The caller keeps its old policy on errors.
package import Admission
import Files

package enum PolicyLoader {
    /// The files that absolute patterns name now, sorted, each once. A path without wildcards stands for itself.
    package static func files(_ patterns: [String]) -> [String] {
        Set(patterns.flatMap(Paths.glob)).sorted()
    }

    /// `files` are absolute. Two lists of one name are a problem: an entry's id must say where it stands. `isForGate`: the
    /// policy is to decide on callers, so files that others may have changed are a problem.
    package static func load(files: [String], isForGate: Bool = false) throws(SettingsErrors) -> Policy {
        let log = ProblemLog()
        var entries: [SourceEntry] = []
        var names: [String: String] = [:]
        for file in files {
            if isForGate {
                do throws(FileProblem) { try FileTrust.check(file) } catch {
                    log.add(.file(file), "", error.message)
                    continue
                }
            }
            guard let root = YAMLFile.read(file, log: log),
                let contents = SourceListReader(file: file, log: log).read(root)
            else { continue }
            if let other = names.updateValue(file, forKey: contents.name) {
                log.add(
                    contents.namePlace, "name",
                    "\(contents.name) is also the name of \(other); give each its own")
            }
            entries += contents.entries.map(\.entry)
        }
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
}
