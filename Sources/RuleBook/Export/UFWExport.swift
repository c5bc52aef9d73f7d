// Commands for ufw(8). ufw denies what no rule allows, unless its default was changed; so only allowing rules are
// written, and none that could stand before rules added later.
import Admission

enum UFWExport {
    static func text(_ plan: FirewallPlan) -> String {
        let isIngress = plan.direction == .ingress
        let way = isIngress ? "incoming" : "outgoing"
        var text = "#!/bin/sh\n"
        text += plan.comments([
            isIngress
                ? "ufw must deny what no rule allows: `ufw default deny \(way)`. It asks for SSH to be allowed first."
                : "Needed where ufw denies what leaves: `ufw default deny \(way)`.",
            "Rules of blocks that are listed no more are deleted by hand: see ufw status numbered.",
        ])
        text += "set -e\n"
        for group in plan.groups {
            let here = group.listen?.description ?? "any"
            for port in group.ports {
                for peer in group.peers {
                    let rule =
                        isIngress
                        ? "ufw allow proto \(port.transport.rawValue) from \(peer.block) to \(here) port \(port.ports(":"))"
                        : "ufw allow out proto \(port.transport.rawValue) to \(peer.block) port \(port.ports(":"))"
                    text += "\(rule) comment \(Shell.quoted("dropgate \(group.title): \(peer.origin)"))\n"
                }
            }
        }
        return text
    }
}

enum Shell {
    /// One word for sh: ufw takes no quotes within comments, so they go.
    static func quoted(_ text: String) -> String {
        "'" + UntrustedText.replacing(in: text) { $0 == "'" ? "" : nil } + "'"
    }
}
