// Whether what should reach the gate does: its checks, probes from here, and the network rules.
import Admission
import Hummingbird
import Intake
import JSON
import Management
import Reachability
import RuleBook

extension Pages {
    static let reachabilityPages = [
        Page(path: "reachability", permission: .status) { try $0.reachability($1) },
        Page(path: "reachability/rules", permission: .status, parameters: [.direction, .firewall]) {
            try await $0.rules($1)
        },
        Page(
            method: .post, path: "reachability/probe", permission: .probe, parameters: [.probeKind, .target]
        ) {
            try $0.probe($1)
        },
        Page(method: .post, path: "reachability/check", permission: .probe) { try $0.checkRules($1) },
    ]

    struct Area: Sendable {
        let name: String
        let findings: [FindingRow]
    }

    struct Reach: Sendable {
        let areas: [Area]
        let isLooking: Bool
        let contacts: [ContactRow]
        let hasContacts: Bool
        /// Who was heard from is being looked up.
        let isLookingUpContacts: Bool
        let mayProbe: Bool
    }

    private func reachability(_ visit: Visit) throws -> Response {
        let (findings, contacts) = (watch.findings, watch.contacts)
        let now = intake.now
        var areas: [Area] = []
        for finding in findings ?? [] {
            let row = FindingRow(finding)
            if let last = areas.last, last.name == finding.area {
                areas[areas.count - 1] = Area(name: last.name, findings: last.findings + [row])
            } else {
                areas.append(Area(name: finding.area, findings: [row]))
            }
        }
        return html(
            "reachability", "Reachability", visit,
            Reach(
                areas: areas, isLooking: findings == nil,
                contacts: (contacts ?? []).map { ContactRow($0, now: now) },
                hasContacts: contacts?.isEmpty == false, isLookingUpContacts: contacts == nil,
                mayProbe: visit.caller.may(.probe)))
    }

    // MARK: Probes

    private func probe(_ visit: Visit) throws -> Response {
        let job = try jobs.probe(
            try visit.parameters.text(.probeKind) ?? "", try visit.parameters.text(.target) ?? "",
            by: visit.attribution(), authority: services.authority, now: intake.now)
        return Self.redirect(to: "/jobs/\(job.id)")
    }

    // MARK: Rules

    struct Rules: Sendable {
        struct Table: Sendable {
            let title: String
            let rows: [Row]
        }

        struct Row: Sendable {
            let id: String
            let purpose: String
            let servers: String
            let ports: String
            let isOptional: Bool
        }

        struct Book: Sendable {
            let title: String
            let read: String
            let tables: [Table]
        }

        let books: [Book]
        let mayCheck: Bool
        let directions: [Choice]
        let formats: [Choice]
        let export: String?
        let problem: String?
    }

    private func rules(_ visit: Visit) async throws -> Response {
        let books = try services.rules.books()
        let direction = try visit.parameters.text(.direction)
        let format = try visit.parameters.text(.firewall)
        var (export, problem): (String?, String?)
        do { export = try await services.firewallRules(visit.parameters) } catch let error as ManagementError
        {
            problem = error.description
        }
        return html(
            "rules", "Network rules", visit,
            Rules(
                books: books.map { book in
                    Rules.Book(
                        title: book.document.title, read: book.document.read,
                        tables: book.tables.map { table in
                            Rules.Table(
                                title: table.title,
                                rows: table.rows.map {
                                    Rules.Row(
                                        id: $0.id, purpose: $0.purpose,
                                        servers: $0.servers.map(\.text).joined(separator: ", "),
                                        ports: $0.ports.map(\.description).joined(separator: ", "),
                                        isOptional: $0.isOptional)
                                })
                        })
                }, mayCheck: visit.caller.may(.probe),
                directions: Choice.all(.direction, chosen: [direction ?? "ingress"]),
                formats: Choice.all(.firewall, chosen: [format ?? "nftables"]), export: export,
                problem: problem))
    }

    private func checkRules(_ visit: Visit) throws -> Response {
        let job = try jobs.checkRules(
            services.rules, by: visit.attribution(), authority: services.authority, now: intake.now)
        return Self.redirect(to: "/jobs/\(job.id)")
    }
}

extension Parameter {
    fileprivate static let probeKind = Parameter(
        name: "kind", about: "What is probed.", form: .words(["webhook", "sftp"]), isRequired: true)
    fileprivate static let target = Parameter(
        name: "target", about: "A URL, or a host and port.", form: .text(), isRequired: true)
}
