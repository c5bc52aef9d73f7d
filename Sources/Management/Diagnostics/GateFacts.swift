// What more than one check looks at, asked once.
import Admission
import Ledger
import SFTPReceiver
import Settings

struct GateFacts: Sendable {
    enum LedgerPlace: Sendable {
        /// Nothing shows that there ever was one.
        case none
        case there(any LedgerReading)
        case bad(LedgerError)
    }

    enum Running: Sendable {
        case no
        /// One may run: it cannot be told.
        case unknown(ManagementError)
        /// It answers, and does not say how it is.
        case mute(ManagementError)
        case yes(GateState)
    }

    let settings: GateSettings
    let now: Instant
    let ledger: LedgerPlace
    let policy: Result<Policy, SettingsErrors>
    let running: Running
    /// What is known of last contacts from checks before these.
    let contacts: ContactMemory
    private let examination: Task<HostKeys.Examined?, Never>

    /// - Parameter asksGate: whether a running gate is asked how it is; else none is said to run.
    init(_ settings: GateSettings, asksGate: Bool, contacts: ContactMemory = ContactMemory()) async {
        self.settings = settings
        self.contacts = contacts
        let paths = settings.sftp?.hostKeys
        examination = Task {
            guard let paths else { return nil }
            return await HostKeys.examine(paths)
        }
        now = .now()
        ledger = Self.look(at: settings.ledgerHandle)
        policy = Result { () throws(SettingsErrors) in
            try PolicyLoader.load(files: settings.sources, isForGate: true)
        }
        running = asksGate ? await Self.ask(settings) : .no
    }

    /// nil where the gate takes no SFTP. Programs read the keys meanwhile: only who wants to know waits for them.
    var hostKeys: HostKeys.Examined? {
        get async { await examination.value }
    }

    /// The ledger, to be read; nil where that is not possible.
    var reader: (any LedgerReading)? {
        if case .there(let reader) = ledger { reader } else { nil }
    }

    /// What a running gate said of itself.
    var state: GateState? {
        if case .yes(let state) = running { state } else { nil }
    }

    /// nil where it cannot be told.
    var isRunning: Bool? {
        switch running {
        case .no: false
        case .unknown: nil
        case .mute, .yes: true
        }
    }

    private static func look(at ledger: LedgerHandle) -> LedgerPlace {
        do {
            return try ledger.isThere() ? .there(try ledger.reader()) : .none
        } catch let error as LedgerError {
            return .bad(error)
        } catch {
            return .bad(LedgerError(.unreadable, "the ledger \(ledger) cannot be read: \(error)"))
        }
    }

    private static func ask(_ settings: GateSettings) async -> Running {
        switch await GatePresence.look(settings) {
        case .no: return .no
        case .unknown(let error): return .unknown(error)
        case .yes(let control):
            do { return .yes(try await control.state()) } catch {
                return .mute(ManagementError.of(error) ?? ManagementError(.internalError, "\(error)"))
            }
        }
    }
}
