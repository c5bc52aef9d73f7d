// Small files of the gate's own, written whole under a temporary name.
import Files
import Glibc

extension Directory {
    /// Writes a file (0600) under a temporary name, makes it durable, and moves it to `name`. Without
    /// `replacing` it throws `.exists` when the name is taken. What root writes belongs to the directory's owner and
    /// group, and where that is root itself the group may read it (0640): the gate must be able to.
    /// - Parameter isDurable: false for what is made anew at each start.
    package func place(
        _ bytes: [UInt8], as name: String, replacing: Bool, isDurable: Bool = true
    ) throws(StagingError) {
        let temporary = ".\(name).\(UInt64.random(in: 0 ... .max)).tmp"
        try install(bytes, as: name, temporary: temporary, mayReplace: replacing, isDurable: isDurable) {
            file in
            var status = stat()
            guard geteuid() == 0, fstat(descriptor, &status) == 0 else { return }
            _ = fchown(file, status.st_uid, status.st_gid)
            if status.st_uid == 0, status.st_gid != 0 { _ = fchmod(file, 0o640) }
        }
    }

    /// `FileReplacement.install` in this directory. Both names are components.
    /// - Parameter finish: told the descriptor once the bytes are written.
    func install(
        _ bytes: [UInt8], as name: String, temporary: String, mayReplace: Bool = true, isDurable: Bool = true,
        finish: (_ descriptor: Int32) -> Void = { _ in }
    ) throws(StagingError) {
        try check(name)
        try check(temporary)
        let file = "\(path)/\(temporary)"
        try FileReplacement.install(
            name, in: descriptor, temporary: temporary, mayReplace: mayReplace, isDurable: isDurable
        ) { (descriptor) throws(StagingError) in
            do throws(SystemError) { try SystemCall.write(bytes, to: descriptor) } catch {
                throw StagingError(errno: error.code, "cannot write \(file)")
            }
            finish(descriptor)
        } failed: { step, error in
            let what =
                switch step {
                case .create: "cannot make \(file)"
                case .sync: "cannot fsync \(file)"
                case .rename: "cannot move \(file) to \(path)/\(name)"
                case .syncDirectory: "cannot fsync \(path)"
                }
            return StagingError(errno: error.code, what)
        }
    }
}
