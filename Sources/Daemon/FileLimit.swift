// The limit of open files: every connection is one, so the soft limit goes up to the hard one.
import Files
import Foundation
import Logging

enum FileLimit {
    static func raise(_ logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
            limit.rlim_cur < limit.rlim_max
        else { return }
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            logger.warning("the limit of open files stays low: \(SystemError.last)")
            return
        }
    }
}
