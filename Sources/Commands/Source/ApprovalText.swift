// Who answers for what was let in, for people: the attempt, and each list entry as it was then.
import Admission
import Ledger
import Management

struct ApprovalText {
    private let approval: Approval

    init(_ approval: Approval) { self.approval = approval }

    func print() throws {
        let who = approval.source?.description ?? "no source"
        let way = approval.channel.map { " on \($0.rawValue)" } ?? ""
        try Output.line(
            "entry \(approval.entry.seq)  \(approval.entry.time)  \(approval.verdict)  \(who)\(way): \(approval.reason)"
        )
        if let drop = approval.drop {
            try Output.line("  drop     \(drop.id)  \(UntrustedText.stored(drop.name))")
        }
        if let pulled = approval.pulled {
            let seq = pulled.seq.map { " (entry \($0))" } ?? ""
            try Output.line(
                "  fetched from \(UntrustedText.stored(pulled.from)): that gate's ledger\(seq) says who let it in"
            )
        }
        guard let lists = approval.lists else {
            try Output.line("  no source list decided on this entry")
            return
        }
        lists.warn()
        if !approval.ids.isEmpty { try Output.line("  entries  \(approval.ids.joined(separator: ", "))") }
        switch lists.policy {
        case .success(let policy):
            try Output.line("  policy   \(policy.version)" + (lists.origin.map { ", \($0)" } ?? ""))
        case .failure(let unknown):
            try Output.line(
                "  \(Colour.yellow("unknown"))  what these entries said then is not known: \(unknown)")
        }
        for entry in approval.listEntries { try show(entry) }
    }

    private func show(_ entry: SourceEntry) throws {
        try Output.line("\n\(entry.summary)")
        for (name, value) in entry.provenance { try Output.line("  \(name.padded(to: 10))\(value)") }
        if let note = entry.note { try Output.line("  note      \(UntrustedText.line(note))") }
    }
}

extension SourceEntry {
    /// Who answers for the entry, where it was published and when it is to be reviewed; "none recorded" where nobody said.
    var provenance: [(name: String, value: String)] {
        let published = document.map { document in
            ([document.title, document.page].compactMap { $0 }.map { UntrustedText.line($0) } + [
                "read \(document.read)"
            ])
            .joined(separator: ", ")
        }
        return [
            ("owner", owner.map { UntrustedText.line($0) } ?? "none recorded"),
            ("document", published ?? "none recorded"), ("review by", reviewBy?.day ?? "none recorded"),
        ]
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
