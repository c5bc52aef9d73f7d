// dropgate.yaml and the environment to validated GateSettings, with every problem in one answer.
// It reads files and opens no sockets; what a listener means is in the extensions beside this file.
import Files
import Foundation

package enum SettingsLoader {
    /// What a load expects of the files that settings name.
    package enum NamedFiles: Sendable {
        /// All there and good: what `serve` needs.
        case mustExist
        /// Good where they are there: `init` makes the rest.
        case mayBeMissing
        /// Not looked at, secrets are empty: for commands that use none of them and may not read them either.
        case ignored
    }

    /// Reads `file` (relative to the working directory) and the `DROPGATE_…` variables that go over it.
    /// Paths in either start at the directory of `file`.
    package static func load(
        file: String, environment: [String: String] = ProcessInfo.processInfo.environment,
        namedFiles: NamedFiles = .mustExist
    ) throws(SettingsErrors) -> GateSettings {
        let log = ProblemLog()
        let path = Paths.absolute(file)
        guard let root = YAMLFile.read(path, log: log) else { throw SettingsErrors(log.problems) }
        if namedFiles == .mustExist {
            do throws(FileError) { try FileTrust.check(path) } catch {
                log.add(.file(path), "", error.message)
            }
        }
        let table = SettingsTable(file: path, root: root, environment: environment)
        let settings = SettingsBuilder(table: table, namedFiles: namedFiles).build()
        // Good settings are loaded without their lists. Who mends bad ones wants to know of all that is wrong.
        if namedFiles == .mustExist, !log.problems.isEmpty {
            PolicyLoader.read(settings.sources, isForGate: true, log: log)
        }
        try log.throwIfAny()
        return settings
    }
}

/// Builds the settings of one load. Every method logs what is wrong and goes on.
struct SettingsBuilder {
    let table: SettingsTable
    let namedFiles: SettingsLoader.NamedFiles

    func build() -> GateSettings {
        // A key that nobody knows may be the section that is missed.
        let isUnderstood =
            !table.log.unknown.contains { !$0.contains(".") } && !table.isMeant("webhook")
            && !table.isMeant("sftp")
        var settings = GateSettings.standard
        settings.file = table.file
        settings.state = path(.state) ?? settings.state
        settings.node = SettingsBuilder.hostName
        settings.accounts = Paths.resolve(settings.accounts, beside: table.file)
        settings.rulePatterns = settings.rulePatterns.map { Paths.resolve($0, beside: table.file) }
        read(GateSettings.keys, into: &settings)
        settings.webhook = table.has(section: "webhook") ? webhook() : nil
        settings.sftp = table.has(section: "sftp") ? sftp(state: settings.state) : nil
        settings.console = table.has(section: "console") ? console() : nil
        if !table.has(section: "webhook"), !table.has(section: "sftp"), isUnderstood {
            table.log.add(
                .file(table.file), "", "no way in: a gate needs a webhook section, an sftp section or both")
        }
        checkConflicts()
        settings.sourcePatterns = sourcePatterns(settings.sourcePatterns)
        settings.staging = staging(state: settings.state)
        settings.ledger = ledger(state: settings.state)
        settings.forward = forward()
        if settings.ledger.witnesses.contains(.syslog), !table.isMeant("forward.syslog") {
            table.fail(
                .ledgerWitnesses, "names syslog, and there is no forward.syslog; name its receiver there")
        }
        checkPlaces(settings)
        settings.doubts = doubts(settings)
        return settings
    }

    // MARK: Parts

    /// Reads the keys of a section that mean something by themselves.
    func read<Section>(_ keys: [Setting<Section>], into section: inout Section) {
        for key in keys { key.read(self, &section) }
    }

    func nodeName(_ value: YAMLValue) -> String? {
        guard let text = value.text("a name") else { return nil }
        guard text.utf8.count <= 64, text.allSatisfy(SettingsBuilder.isNameCharacter) else {
            value.fail("\(value.quoted()) is not a node name; use up to 64 letters, digits, '.', '-' and '_'")
            return nil
        }
        return text
    }

    /// The patterns of source lists. Without the key the `standard` ones hold.
    private func sourcePatterns(_ standard: [String]) -> [String] {
        guard let value = table[.sources] else {
            let patterns = standard.map { Paths.resolve($0, beside: table.file) }
            if namedFiles == .mustExist, PolicyLoader.files(patterns).isEmpty {
                table.fail(
                    .sources,
                    "no source list: \(patterns.joined(separator: " ")) names no file; `dropgate init` makes the "
                        + "first one")
            }
            return patterns
        }
        guard let values = value.list("a list of files, as in [sources/*.yaml]") else { return [] }
        if values.isEmpty { value.fail("names no source list; write one, as in [sources/*.yaml]") }
        return values.compactMap { value -> String? in
            guard let text = value.text("a file or a pattern, as in sources/*.yaml") else { return nil }
            let pattern = Paths.resolve(text, beside: table.file)
            let isThere =
                Paths.isPattern(pattern)
                ? !PolicyLoader.files([pattern]).isEmpty : !ValueText.leadsNowhere(pattern)
            guard namedFiles != .mustExist || isThere else {
                let place = value.shown(as: pattern)
                value.fail("\(place) names no file; write one or a pattern, as in sources/*.yaml")
                return nil
            }
            return pattern
        }
    }

    /// No file is not a mistake: a gate serves without network rules.
    func rulePatterns(_ value: YAMLValue) -> [String]? {
        guard let values = value.list("a list of files, as in [rules/*.yaml]") else { return nil }
        return values.compactMap { value in
            value.text("a file or a pattern, as in rules/*.yaml").map {
                Paths.resolve($0, beside: table.file)
            }
        }
    }

    private func staging(state: String) -> StagingSettings {
        var settings = StagingSettings(state: state)
        read(StagingSettings.keys, into: &settings)
        return settings
    }

    /// Two listeners on one address and port.
    private func checkConflicts() {
        let keys: [SettingsKey] = [.webhookListen, .sftpListen, .consoleListen]
        let listeners = keys.compactMap { key in
            table[key]?.written.flatMap { ListenAddress($0) }.map { (key: key, address: $0) }
        }
        for (index, listener) in listeners.enumerated() {
            for earlier in listeners[..<index] where earlier.address.conflicts(with: listener.address) {
                table.fail(
                    listener.key,
                    "\(listener.address) conflicts with \(earlier.key.name) (\(earlier.address)); "
                        + "give each listener a port of its own")
            }
        }
    }

    // MARK: Files

    /// An absolute path, or nil when the key is absent or bad.
    func path(_ key: SettingsKey) -> String? { table[key].flatMap(path) }

    func path(_ value: YAMLValue) -> String? {
        value.text("a path").map { Paths.resolve($0, beside: table.file) }
    }

    /// A secret in a file of its own.
    func secret(_ value: YAMLValue) -> Secret? {
        guard let path = path(value) else { return nil }
        if isSkipped(path) { return Secret([]) }
        do throws(FileError) {
            return Secret(try FileReading.secret(path))
        } catch {
            value.fail(told(toBeGiven(path, error), path, of: value))
            return nil
        }
    }

    /// The path of a file that must be there and in which `read` finds what it should.
    func file<Content>(_ value: YAMLValue, _ read: (String) throws(FileError) -> Content) -> String? {
        guard let path = file(value) else { return nil }
        if isSkipped(path) { return path }
        do throws(FileError) { _ = try read(path) } catch {
            value.fail(told(toBeGiven(path, error), path, of: value))
        }
        return path
    }

    /// The path of a file that a value names. Who does not look at it gets no path that leads nowhere and may be a secret: who needs
    /// the file, as `doctor` does, would say that this one is not there.
    private func file(_ value: YAMLValue) -> String? {
        guard let path = path(value) else { return nil }
        let isHidden = namedFiles == .ignored && !value.isShown && ValueText.leadsNowhere(path)
        return isHidden ? "\(Paths.directory(of: table.file))/(\(value.key))" : path
    }

    /// What to say of a file that a value names. Where that leads to nothing, what should stand in the file may stand here.
    private func told(_ error: FileError, _ path: String, of value: YAMLValue) -> String {
        guard !value.isShown, ValueText.leadsNowhere(path) else { return error.message }
        return "expected the path of a file, found \(value.found), which names no file; "
            + "a path that does not begin with / starts at \(Paths.directory(of: table.file))"
    }

    /// Whether each of these files is one to look into.
    func areLookedInto(_ paths: [String?]) -> Bool { !paths.compactMap(\.self).contains(where: isSkipped) }

    /// The path of a file that must be there and readable; `modes` are permissions it must not have.
    func readable(_ value: YAMLValue, readers: FileReading.Readers = .anybody) -> String? {
        guard let path = file(value) else { return nil }
        check(path, readers: readers) { value.fail(told($0, path, of: value)) }
        return path
    }

    func check(_ path: String, readers: FileReading.Readers, fail: (FileError) -> Void) {
        if isSkipped(path) { return }
        do throws(FileError) {
            try FileReading.checkReadable(path, readers: readers)
        } catch {
            fail(toBeGiven(path, error))
        }
    }

    /// Nobody knows whose the gate is where `state` is not understood.
    private func toBeGiven(_ path: String, _ error: FileError) -> FileError {
        guard error.isDenial, !table.isBad(.state) else { return error }
        return error.toBeGiven([path], toOwnerOf: self.path(.state) ?? GateSettings.standard.state)
    }

    private func isSkipped(_ path: String) -> Bool {
        switch namedFiles {
        case .mustExist: false
        // What may not be looked at is read, and says so.
        case .mayBeMissing: (try? Presence.check(path)) == false
        case .ignored: true
        }
    }

    static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || ".-_".contains(character))
    }

    /// The host's name without a character that a node name must not have.
    private static var hostName: String {
        let name = ProcessInfo.processInfo.hostName.filter(isNameCharacter).prefix(64)
        return name.isEmpty ? "gate" : String(name)
    }
}
