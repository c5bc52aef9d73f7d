// Trying the network rules from this machine.
import Files
package import RuleBook

extension RuleService {
    /// How the rules are tried.
    package struct Trial: Sendable {
        /// How long one attempt may take.
        package var timeout: Duration = .seconds(5)
        /// The HTTP proxy of this network.
        package var proxy: ProxyAddress?
        /// A PEM file of the authorities to trust in place of the system's.
        package var authorities: String?
        /// Ids of rows; none: all.
        package var rows: [String] = []
        /// Hosts for servers or rows, each as `PATTERN=HOST`.
        package var hosts: [String] = []

        package init() {}
    }

    /// Tries the rules from this machine. One result a row, in the order of the books.
    /// - Parameter progress: how many attempts of a book are behind, of how many.
    package func check(
        _ trial: Trial = Trial(), progress: @Sendable (Int, Int) -> Void
    ) async throws -> [CheckResult] {
        let books = try books()
        let checker = try Self.checker(trial, books)
        var results: [CheckResult] = []
        for book in books { results += await checker.run(book, progress: progress) }
        return results
    }

    private static func checker(
        _ trial: Trial, _ books: [RuleBook]
    ) throws(ManagementError) -> RuleChecker {
        let known = books.flatMap { book in
            book.rows.map(\.id) + book.proxy.map(\.id) + book.outbound.map(\.id)
        }
        if let wrong = trial.rows.first(where: { !known.contains($0) }) {
            throw ManagementError(
                .invalid, "--row \(wrong): there is no such row", fix: "see `dropgate rules list`")
        }
        var options = RuleChecker.Options()
        options.timeout = trial.timeout
        options.proxy = trial.proxy
        options.rows = Set(trial.rows)
        options.hosts = try hostMap(trial.hosts, books)
        options.authorities = trial.authorities.map(Paths.absolute)
        do {
            return try RuleChecker(options)
        } catch {
            throw ManagementError(
                .configuration,
                "\(trial.authorities ?? "the system's authorities") cannot be used: \(error)", cause: error)
        }
    }
}
