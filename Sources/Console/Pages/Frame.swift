// What every page has around its own part: name, navigation, who is signed in.
import Management

struct Frame: Sendable {
    struct Link: Sendable {
        let label: String
        let path: String
        let isCurrent: Bool
    }

    let title: String
    let node: String
    let version: String
    /// nil: nobody is signed in.
    let person: String?
    let role: String?
    let formKey: String?
    let links: [Link]
    /// Said once, at the top.
    let notice: String?
    /// Whether the page changes by itself until a job is done.
    var isUnderWay = false

    private static let places: [(label: String, path: String, permission: Permission)] = [
        ("Overview", "/", .status),
        ("Attempts", "/attempts", .readAttempts),
        ("Sources", "/sources", .readSources),
        ("Drops", "/drops", .readDrops),
        ("Reachability", "/reachability", .status),
        ("Ledger", "/ledger", .readAttempts),
        ("Report", "/report", .export),
    ]

    /// The places that a role may see.
    static func links(for role: TokenRole, at path: String) -> [Link] {
        places.filter { role.may($0.permission) }.map { place in
            Link(
                label: place.label, path: place.path,
                isCurrent: place.path == "/"
                    ? path == "/" : path == place.path || path.hasPrefix(place.path + "/"))
        }
    }

    /// The first place that a role may see.
    static func home(of role: TokenRole) -> String {
        places.first { role.may($0.permission) }?.path ?? "/"
    }
}
