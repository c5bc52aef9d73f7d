// Which files a change came by: the gate cannot know who edited them, only whose they are now and since when.
import Admission
package import Files
import JSON

extension Attempt {
    /// Files that an entry names at most.
    private static let mostFiles = 20

    /// Adds `detail.files`: of each file its path, owner and time of modification, or that it is gone.
    package mutating func tell(_ files: [FileOrigin]) {
        guard !files.isEmpty else { return }
        detail["files"] = .array(
            files.prefix(Self.mostFiles).map { file in
                var facts: [String: JSONValue] = ["file": .string(UntrustedText.head(file.path, limit: 1024))]
                guard let state = file.state else {
                    facts["gone"] = true
                    return .object(facts)
                }
                facts["owner_uid"] = .int(Int64(state.owner))
                facts["owner"] = SystemUser.name(of: state.owner).map { .string(UntrustedText.head($0)) }
                facts["modified"] = .string(Instant(microseconds: state.modified).description)
                return .object(facts)
            })
        if files.count > Self.mostFiles { detail["more_files"] = .int(Int64(files.count - Self.mostFiles)) }
    }
}
