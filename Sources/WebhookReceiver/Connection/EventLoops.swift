// On which event loops connections run. Those of unlisted sources have a thread of their own, of the lowest priority, which
// gets little of the processor while others want it: listed sources are not behind them in any loop.
import Admission
import Glibc
import NIOCore
import NIOPosix
import Settings

struct EventLoops: Sendable {
    private let everybody = MultiThreadedEventLoopGroup.singleton
    /// nil where an unlisted source does not get past accept, or is not known there.
    private let unlisted: MultiThreadedEventLoopGroup?

    init(_ listener: WebhookListener) {
        guard listener.settings.unlisted != .close, !listener.resolver.mode.asksProxies else {
            unlisted = nil
            return
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // On Linux this is of the calling thread alone (setpriority(2)). Without it the thread is only one of three.
        group.any().execute { _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, 19) }
        unlisted = group
    }

    func group(of caller: Caller) -> any EventLoopGroup {
        if let unlisted, caller.decision?.isAdmitted == false { return unlisted }
        return everybody
    }

    /// After all connections have ended.
    func shutDown() async { try? await unlisted?.shutdownGracefully() }
}
