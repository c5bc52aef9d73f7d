// The tokens as a running gate knows them: their directory is looked at with each question, and files that have changed are read.
// One that was revoked is good no more with the next question.
package import Admission
import Files
package import Settings
import Synchronization
package import TLS

package final class TokenBook: Sendable {
    /// Who has shown a good token.
    package struct Holder: Sendable, Hashable {
        package let name: String
        package let role: TokenRole
    }

    /// The token of `console.token_file`, which every gate has.
    private static let ownName = "console.token_file"

    private struct File {
        /// nil: it could not be looked at.
        let signature: FileSignature?
        let token: Result<ConsoleToken, ManagementError>
    }

    private struct State {
        var files: [String: File] = [:]
        /// What is wrong with them, as it was told last.
        var problems: [String] = []
    }

    private let own: SHA256Digest
    private let store: TokenStore
    private let state = Mutex(State())
    private let clock: @Sendable () -> Instant
    private let report: @Sendable ([String]) -> Void

    /// - Parameters:
    ///   - directory: of the tokens' files, absolute.
    ///   - own: the token of the settings.
    ///   - report: told what is wrong with tokens' files, whenever that changes; empty: all is well again.
    package init(
        directory: String, own: Secret,
        clock: @escaping @Sendable () -> Instant = { Instant.now() },
        report: @escaping @Sendable ([String]) -> Void = { _ in }
    ) {
        self.own = SHA256.hash(data: own.bytes)
        store = TokenStore(directory: directory)
        self.clock = clock
        self.report = report
    }

    /// Whose token this is; nil: nobody's. It blocks.
    package func holder(of secret: [UInt8]) -> Holder? { holder(ofDigest: SHA256.hash(data: secret)) }

    /// Whose token has this digest; nil: nobody's any more. It blocks. Compares in constant time.
    package func holder(ofDigest offered: SHA256Digest) -> Holder? {
        var found: Holder?
        if own == offered {
            found = Holder(name: Self.ownName, role: .operator)
        }
        let offeredText = Array(offered.hex.utf8)
        let now = clock()
        for token in tokens() where token.isGood(at: now) {
            guard ConstantTime.isEqual(Array(token.sha256.utf8), offeredText) else { continue }
            found = Holder(name: token.name, role: token.role)
        }
        return found
    }

    /// Nobody's token is good where the directory cannot be looked at.
    private func tokens() -> [ConsoleToken] {
        let (tokens, news) = state.withLock { state -> ([ConsoleToken], [String]?) in
            let before = state.problems
            do throws(ManagementError) { try refresh(&state) } catch {
                state = State(problems: [error.description])
            }
            let tokens = state.files.values.compactMap { try? $0.token.get() }
            return (tokens, state.problems == before ? nil : state.problems)
        }
        if let news { report(news) }
        return tokens
    }

    private func refresh(_ state: inout State) throws(ManagementError) {
        var files: [String: File] = [:]
        var problems: [String] = []
        for name in try store.names().prefix(TokenStore.most) {
            let path = store.path(of: name)
            let signature = FileSignature(path: path)
            if signature == nil, Presence.isGone(path) { continue }
            let file = Self.known(state.files[name], signature) ?? read(name, signature)
            files[name] = file
            if case .failure(let error) = file.token { problems.append(error.description) }
        }
        state = State(files: files, problems: problems)
    }

    /// A good one that looks as before. What is wrong with a bad one may be elsewhere, in a directory above or the system.
    private static func known(_ file: File?, _ signature: FileSignature?) -> File? {
        guard let file, signature != nil, file.signature == signature, case .success = file.token else {
            return nil
        }
        return file
    }

    private func read(_ name: String, _ signature: FileSignature?) -> File {
        File(signature: signature, token: Result { () throws(ManagementError) in try store.load(name) })
    }
}
