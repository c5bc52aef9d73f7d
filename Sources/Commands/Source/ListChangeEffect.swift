// What a change of a list means for those who called lately, told on stderr beside what was changed.
import Admission
import Ledger
import Management

struct ListChangeEffect {
    private static let most = 20

    private let service: SourceService
    /// The lists before the change; nil when they were bad: then there is nothing to compare with.
    private let before: Policy?

    /// Made before the change.
    init(_ service: SourceService) {
        self.service = service
        before = try? service.fileLists()
    }

    /// Told after the change.
    func tell() {
        do {
            guard let before,
                let changes = try service.decidedDifferently(by: service.fileLists(), than: before)
            else {
                return
            }
            for change in changes.all.prefix(Self.most) {
                Output.error(change.text, prefix: change.isLetIn ? "note: " : "warning: ")
            }
            if changes.all.count > Self.most {
                Output.error(
                    "\(changes.all.count - Self.most) other recent callers are decided differently, too",
                    prefix: "warning: ")
            }
            if !changes.isComplete {
                Output.error(
                    "not every caller of the last 30 days was checked: there are too many",
                    prefix: "warning: ")
            }
        } catch {
            Output.error(
                "what this means for those who called in the last 30 days is not known: "
                    + "\(ManagementError.of(error)?.description ?? "\(error)")",
                prefix: "note: ")
        }
    }
}
