// Who started whom, from /proc: whether a session process belongs to the sshd of one connection.
import Files
import Glibc

enum ProcessTree {
    /// sshd, its monitor's child, the shell and the session are four; wrappers may add some.
    private static let deepest = 16

    /// Whether `process` is `ancestor` or was started by it, directly or through others.
    static func isDescendant(_ process: pid_t, of ancestor: pid_t) -> Bool {
        var current = process
        for _ in 0..<deepest {
            if current == ancestor { return true }
            guard current > 1, let parent = parent(of: current) else { return false }
            current = parent
        }
        return false
    }

    /// proc(5): "PID (NAME) STATE PPID …"; the name may hold spaces and parentheses.
    private static func parent(of process: pid_t) -> pid_t? {
        guard let bytes = try? SmallFile.open("/proc/\(process)/stat").contents(limit: 4096) else {
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 1 ? pid_t(fields[1]) : nil
    }
}
