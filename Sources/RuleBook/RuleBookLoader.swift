// Rule files to rule books, or all that is wrong with them, with file and line.
package import Settings

package enum RuleBookLoader {
    /// `files` are absolute. No file: the book that the program carries.
    package static func load(files: [String]) throws(SettingsErrors) -> [RuleBook] {
        guard !files.isEmpty else { return [try parse(Shipped.rules, path: "(shipped rules)")] }
        let log = ProblemLog()
        var books: [RuleBook] = []
        var places: [String: String] = [:]
        for file in files {
            // A problem of another file explains nothing in this one.
            let own = ProblemLog()
            defer { log.add(own) }
            guard let root = YAMLFile.read(file, isFromSettings: true, log: own),
                let book = RuleBookReader(log: own).read(root)
            else { continue }
            for id in book.rows.map(\.id) + book.proxy.map(\.id) + book.outbound.map(\.id) {
                if let other = places.updateValue(file, forKey: id), other != file {
                    log.add(.file(file), "", "row \(id) is also in \(other); give each its own id")
                }
            }
            books.append(book)
        }
        try log.throwIfAny()
        return books
    }

    package static func parse(_ text: String, path: String) throws(SettingsErrors) -> RuleBook {
        let log = ProblemLog()
        let book = YAMLFile.parse(text, path: path, log: log).flatMap { RuleBookReader(log: log).read($0) }
        try log.throwIfAny()
        guard let book else { throw SettingsErrors(log.problems) }
        return book
    }
}
