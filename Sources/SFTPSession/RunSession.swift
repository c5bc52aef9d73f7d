// The session process: sshd's forced command. It greets the daemon, then serves one SFTP channel on two
// descriptors. Without a daemon it takes nothing, and says so in SFTP.
import Admission
import CShims
import Files
import Glibc
import SFTPWire
import Staging
import TLS

/// Serves one SFTP session and returns when it has ended. Blocks the calling thread; needs no other.
/// - Parameters:
///   - socket: the daemon's Unix socket.
///   - environment: as sshd has set it. Its command must be `SessionIPC.subsystemCommand`.
///   - input: the client's bytes; made non-blocking.
///   - output: the answers; made non-blocking.
/// - Returns: the exit status: 0 after a session, 1 when the client wanted something else than SFTP or the
///   daemon did not welcome it.
package func runSession(
    socket: String, environment: SessionEnvironment, input: Int32, output: Int32
) -> Int32 {
    guard environment.command == SessionIPC.subsystemCommand else {
        complain(SessionText.onlySFTP)
        tellRefusal(socket, environment)
        return 1
    }
    signal(SIGPIPE, SIG_IGN)
    let signals = dropgate_termination_signals()
    defer { if signals >= 0 { close(signals) } }
    for descriptor in Set([input, output]) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }
    // A hint: sshd writes on while this process is at a disk or at the daemon, and the two take turns less often.
    _ = dropgate_widen_pipe(input, Int32(InputBuffer.size))
    let channel = SessionChannel(input: input, output: output, signals: signals)
    do throws(Unwelcome) {
        switch try greet(socket, environment) {
        case .sender(let store, let settings, let idleTimeout):
            channel.serve(DropBox(settings: settings), store, idleTimeout: idleTimeout)
        case .collector(let store, let account):
            channel.serve(DropCollection(account: account), store)
        }
        return 0
    } catch {
        complain(error.message)
        var box = DropBox(settings: DropBox.Settings(account: "", maxFile: nil))
        box.refuseAll(error.message)
        channel.serve(box, SessionStore?.none)
        return 1
    }
}

/// A client wants something else than SFTP: an entry, without what it wanted, which may hold anything.
private func tellRefusal(_ socket: String, _ environment: SessionEnvironment) {
    let operation = environment.command == nil ? "shell" : "exec"
    let link: SessionIPCClient? =
        switch try? greet(socket, environment) {
        case .sender(let store, _, _): store.link
        case .collector(let store, _): store.link
        case nil: nil
        }
    link?.tell(
        .refused(
            SessionRefusal(
                reason: Reason.forbiddenOperation.rawValue, operation: operation, path: "",
                message: SessionText.onlySFTP)))
}

private struct SessionChannel {
    let input: Int32
    let output: Int32
    let signals: Int32

    func serve<Host: SessionHost>(_ machine: Host.Machine, _ host: Host?, idleTimeout: Int = 0) {
        var loop = SessionLoop(
            machine, host: host, input: input, output: output, signals: signals, idleTimeout: idleTimeout)
        loop.run()
    }
}

/// What the daemon welcomed.
private enum Welcomed {
    case sender(SessionStore, DropBox.Settings, idleTimeout: Int)
    case collector(CollectStore, account: String)
}

/// Why the session takes nothing, for the client.
private struct Unwelcome: Error {
    let message: String
}

private func greet(
    _ socket: String, _ environment: SessionEnvironment
) throws(Unwelcome) -> Welcomed {
    // The first digest would end the process in the middle of an upload (`SHA256`).
    guard OpenSSLLibrary.missing.isEmpty else { throw Unwelcome(message: SessionText.unable) }
    do {
        let link = try SessionIPCClient(socket: socket)
        let welcome = try link.hello(
            SessionHello(
                connection: environment.connection, user: environment.user, pid: getpid(),
                version: SessionIPC.version,
                authentication: environment.authentication.flatMap(authentication)))
        if welcome.ok, let account = welcome.account, let staging = welcome.staging {
            return .collector(try CollectStore(staging: staging, link: link), account: account)
        }
        guard welcome.ok, let account = welcome.account, let incoming = welcome.incoming else {
            throw Unwelcome(message: welcome.message ?? SessionText.gone)
        }
        let store = SessionStore(
            store: try partials(incoming, link), link: link,
            temporaryNames: TemporaryNames(welcome.provisional ?? []), mostInline: welcome.mostInline)
        return .sender(
            store, DropBox.Settings(account: account, maxFile: welcome.maxFile),
            idleTimeout: welcome.idleTimeout ?? 0)
    } catch let error as Unwelcome {
        throw error
    } catch is StagingError {
        // The daemon is there. What exactly failed is the gate's business, not the client's.
        throw Unwelcome(message: SessionText.unable)
    } catch {
        throw Unwelcome(message: SessionText.gone)
    }
}

/// What the account has in `incoming/`. The daemon has just looked: whatever has come in between is told, or nobody would know of it.
private func partials(_ incoming: String, _ link: SessionIPCClient) throws(Unwelcome) -> PartialStore {
    do throws(StagingError) {
        return try PartialStore(incoming: incoming)
    } catch {
        link.tell(
            .refused(
                SessionRefusal(
                    reason: Reason.stagingFull.rawValue, operation: "INIT", path: "",
                    message: StagingError.textForSenders)))
        throw Unwelcome(message: StagingError.textForSenders)
    }
}

/// How the client logged in, as sshd wrote it down: methods and public keys.
private func authentication(_ path: String) -> String? {
    guard let bytes = try? SmallFile.open(path).contents(limit: 16 * 1024) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
}

private func complain(_ message: String) {
    try? SystemCall.write(Array("dropgate: \(message)\n".utf8), to: STDERR_FILENO)
}
