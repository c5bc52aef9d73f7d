// Drops: what there is and where it lies, and what a person does with one. Never what they hold.
import Admission
import Hummingbird
import Intake
import JSON
import Ledger
import Management
import Settings
import Staging

extension Pages {
    static let dropPages = [
        Page(path: "drops", permission: .readDrops, parameters: [.state, .before]) { try $0.drops($1) },
        Page(path: "drops/{id}", permission: .readDrops, parameters: [.id]) { try $0.drop($1) },
        Page(
            method: .post, path: "drops/{id}/acknowledge", permission: .acknowledge,
            parameters: [.id, .comment]
        ) { try await $0.acknowledge($1) },
        Page(
            method: .post, path: "drops/{id}/release", permission: .releaseHeld, parameters: [.id, .comment]
        ) { try await $0.release($1) },
        Page(
            method: .post, path: "drops/{id}/withdraw", permission: .withdraw, parameters: [.id, .comment]
        ) { try await $0.withdraw($1) },
    ]

    struct DropRow: Sendable {
        let id: String
        let name: String
        let channel: String
        let state: String
        let account: String?
        let size: String
        let received: String
        let file: String
        let event: String?

        init(_ view: DropView) {
            let receipt = view.receipt
            id = receipt.drop
            name = receipt.name
            channel = receipt.channel
            state = view.state
            account = receipt.account
            size = view.bytes.map(Size.text) ?? "unknown"
            received = String(receipt.received.prefix(19)).replacing("T", with: " ")
            file = receipt.file
            event = receipt.eventType
        }
    }

    struct Drops: Sendable {
        let rows: [DropRow]
        let hasRows: Bool
        let held: [DropRow]
        let hasHeld: Bool
        let states: [Choice]
        let isFiltered: Bool
        let older: String?
        let newest: String?
        let problem: String?
    }

    private static let dropsOfPage = 50
    private static let mostHeld = 50

    private func drops(_ visit: Visit) throws -> Response {
        var problem: String?
        var page = DropService.Page(drops: [], next: nil)
        do {
            page = try services.drops.page(
                states: visit.parameters.words(.state, DropState.init(word:)),
                before: visit.parameters.number(.before), limit: Self.dropsOfPage)
        } catch let error as Problem where error.status == .badRequest {
            problem = error.detail
        }
        let chosen = try visit.parameters.texts(.state)
        let isNewest = try visit.parameters.text(.before) == nil
        let held = chosen.isEmpty && isNewest ? try services.drops.held(limit: Self.mostHeld) : []
        let filters = visit.parameters.pairs([.state])
        return html(
            "drops", "Drops", visit,
            Drops(
                rows: page.drops.map(DropRow.init), hasRows: !page.drops.isEmpty,
                held: held.map(DropRow.init), hasHeld: !held.isEmpty,
                states: Choice.all(.state, chosen: chosen), isFiltered: !chosen.isEmpty,
                older: page.next.map { "/drops" + Self.query(filters + [("before", "\($0)")]) },
                newest: isNewest ? nil : "/drops" + Self.query(filters), problem: problem))
    }

    struct OneDrop: Sendable {
        let row: DropRow
        let facts: [Fact]
        let entry: Int64?
        let place: String
        let receiptFile: String?
        let mayAcknowledge: Bool
        let mayRelease: Bool
        let mayWithdraw: Bool
        let isHeld: Bool
        let attempts: String
        let seesAttempts: Bool
    }

    private func drop(_ visit: Visit) throws -> Response {
        let view = try services.drop(visit.parameters)
        let staging = services.settings.staging.path
        return html(
            "drop", "Drop \(view.receipt.drop)", visit,
            OneDrop(
                row: DropRow(view), facts: Fact.all(of: try view.json(staging: staging)),
                entry: view.record?.seq, place: "\(staging)/\(view.receipt.file)",
                receiptFile: view.receiptFile.map { "\(staging)/\($0)" },
                mayAcknowledge: view.state == "\(DropState.released)" && visit.caller.may(.acknowledge),
                mayRelease: view.state == DropView.held && visit.caller.may(.releaseHeld),
                mayWithdraw: Self.mayBeWithdrawn(view) && visit.caller.may(.withdraw),
                isHeld: view.state == DropView.held,
                attempts: "/attempts" + Self.query(["drop": view.receipt.drop]),
                seesAttempts: visit.caller.may(.readAttempts)))
    }

    private static func mayBeWithdrawn(_ view: DropView) -> Bool {
        switch view.state {
        case DropView.held: true
        case "\(DropState.pending)", "\(DropState.released)": view.receipt.account != nil
        default: false
        }
    }

    private func withdraw(_ visit: Visit) async throws -> Response {
        let (id, drop) = try await changes(visit).withdraw(try services.dropID(visit.parameters))
        return switch drop {
        case .quarantined:
            done("Drop \(id) is withdrawn; it is in quarantine now.", visit, backTo: "/drops/\(id)")
        case .removed: done("The held event \(id) is removed.", visit, backTo: "/drops")
        }
    }

    private func acknowledge(_ visit: Visit) async throws -> Response {
        let id = try services.dropID(visit.parameters)
        _ = try await changes(visit).acknowledge(id)
        return done(
            "Drop \(id) is acknowledged; its file is removed after the time in staging.keep_acknowledged.",
            visit,
            backTo: "/drops/\(id)")
    }

    private func release(_ visit: Visit) async throws -> Response {
        let id = try services.dropID(visit.parameters)
        let (_, event) = try await changes(visit).release(id)
        return done(
            event.status == .duplicate
                ? "The event had already been released: nothing new is released."
                : "The event is released as \(event.name ?? id).", visit, backTo: "/drops")
    }

    private func changes(_ visit: Visit) throws -> DropChanges {
        services.drops.changes(
            by: try visit.attribution(try visit.parameters.text(.comment)), authority: services.authority)
    }
}
